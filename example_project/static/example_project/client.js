/* A client's life in six steps. The tokens are kept in `tokens` below, and nowhere else: what a page stores,
   any script of its site can read later on. */
import {clearErrors, isFilledIn, say, showAnswer, showRefusal, tell} from "./client_page.js";
import {NoAnswer, send} from "./client_requests.js";
import {forgetToken, isOver, read, showChanges, showToken} from "./client_token.js";

const WATCH_EVERY = 2000;

const part = (id) => document.getElementById(id);
const client = part("client");
const urls = client.dataset;
const signInForm = part("sign-in");
const watch = part("watch");
// The forms for a code: of this client, and of the second device. `next` has the focus once they are gone.
const ours = {form: part("sign-in-code"), said: "sign-in-said", next: part("look"), again: part("password")};
const seconds = {form: part("end-code-form"), said: "end-said", next: part("end"), again: part("end")};

let tokens = null;

/* Does `work` when `target` is pressed or sent, not twice at a time. */
const on = (target, event, said, work) => {
    let isBusy = false;
    target.addEventListener(event, async (happened) => {
        happened.preventDefault();
        if (isBusy) {
            return;
        }
        isBusy = true;
        try {
            await work();
        } catch (error) {
            tell(said, say("no-answer"), "bad");
            if (!(error instanceof NoAnswer)) {
                throw error;
            }
        } finally {
            isBusy = false;
        }
    });
};

const showSteps = () => {
    for (const step of client.querySelectorAll("[data-needs]")) {
        step.hidden = (step.dataset.needs === "somebody") !== Boolean(tokens);
    }
};

/* Forgets all about the session so far. */
const leave = () => {
    tokens = null;
    watch.checked = false;
    seconds.form.hidden = true;
    forgetToken();
    for (const id of ["call-answer", "refresh-changes", "watch-answer"]) {
        part(id).replaceChildren();
    }
    for (const said of client.querySelectorAll(".said")) {
        tell(said.id, "");
    }
};

/* 1. Sign in, with a code where one is asked for. */

const asksForCode = (answer) => answer.status === 401 && answer.body?.code === "mfa_required";

/* Shows a form for a code until one is right, or the login is over. Then `done` gets the answer. */
const askForCode = (asked, login, done) => {
    const {form, said} = asked;
    Object.assign(asked, {login, done});
    clearErrors(form);
    form.reset();
    form.hidden = false;
    tell(said, say("code-asked"));
    form.elements.code.focus();
};

const takeCode = async ({form, said, next, again, login, done}) => {
    if (!isFilledIn(form)) {
        return;
    }
    const body = {mfa_token: login, code: form.elements.code.value.trim()};
    const answer = await send("POST", urls.mfa, {body});
    if (answer.ok) {
        await done(answer);
        form.hidden = true;
        next.focus();
    } else if (answer.body?.code === "mfa_token_expired") {
        form.hidden = true;
        tell(said, say("begin-anew"), "bad");
        again.focus();
    } else {
        tell(said, "");
        showRefusal(form, answer);
    }
};

const askForToken = (deviceName) => send("POST", urls.token, {
    body: {
        username: signInForm.elements.username.value,
        password: signInForm.elements.password.value,
        device_name: deviceName,
    },
});

const enter = (answer, name) => {
    const {access, refresh, code} = answer.body;
    leave();
    tokens = {access, refresh};
    showToken(access);
    showSteps();
    tell("sign-in-said", say(code ? "must-enroll" : "signed-in", {name}), "good");
};

const signIn = async () => {
    if (!isFilledIn(signInForm)) {
        return;
    }
    const name = signInForm.elements.username.value;
    ours.form.hidden = true;
    tell("sign-in-said", say("signing-in", {name}));
    const answer = await askForToken(say("device-name"));
    if (answer.ok) {
        enter(answer, name);
    } else if (asksForCode(answer)) {
        askForCode(ours, answer.body.mfa_token, (second) => enter(second, name));
    } else {
        tell("sign-in-said", say("not-signed-in", {name}), "bad");
        showRefusal(signInForm, answer);
    }
};

/* 3. Call the API. */

const askWho = () => send("GET", urls.me, {access: tokens.access});

const call = async () => {
    const answer = await askWho();
    const mood = answer.ok ? "good" : "bad";
    tell("call-said", say(answer.ok ? "let-in" : "refused", {status: answer.status}), mood);
    showAnswer("call-answer", answer);
};

/* 4. Refresh: both tokens are replaced, and both new ones are kept. */

const refresh = async () => {
    const before = tokens;
    const answer = await send("POST", urls.refresh, {body: {refresh: before.refresh}});
    if (answer.ok) {
        tokens = {access: answer.body.access, refresh: answer.body.refresh};
        showToken(tokens.access);
        showChanges(before, tokens);
        tell("refresh-said", say("refreshed"), "good");
    } else {
        const isThrough = answer.status === 401;
        tell("refresh-said", say(isThrough ? "refresh-refused" : "not-done", {status: answer.status}), "bad");
        part("refresh-changes").replaceChildren();
    }
};

/* 5. Be signed out from elsewhere. */

const stopWatching = (text, mood) => {
    watch.checked = false;
    tell("watch-said", text, mood);
};

const look = async () => {
    const {access} = tokens;
    const answer = await askWho();
    // Signed out or refreshed meanwhile: the answer is about a token of before.
    if (!watch.checked || tokens?.access !== access) {
        return;
    }
    showAnswer("watch-answer", answer);
    if (answer.status === 401) {
        stopWatching(say(isOver(access) ? "expired" : "ended"), "bad");
    }
};

let nextLook = null;

const keepLooking = async () => {
    clearTimeout(nextLook);
    if (!watch.checked || !tokens) {
        return;
    }
    try {
        await look();
    } catch {
        tell("watch-said", say("no-answer"), "bad");
    }
    clearTimeout(nextLook);
    nextLook = setTimeout(keepLooking, WATCH_EVERY);
};

const endFrom = async ({body: {access}}, sid) => {
    const answer = await send("DELETE", `${urls.sessions}${sid}/`, {access});
    await send("POST", urls.logout, {access});
    const mood = answer.ok ? "good" : "bad";
    tell("end-said", say(answer.ok ? "ended-by-second" : "not-done", {status: answer.status}), mood);
};

const endForMe = async () => {
    if (!watch.checked) {
        watch.click();
    }
    const {sid} = read(tokens.access).claims;
    seconds.form.hidden = true;
    tell("end-said", say("second-device"));
    const answer = await askForToken(say("second-device-name"));
    if (answer.ok) {
        await endFrom(answer, sid);
    } else if (asksForCode(answer)) {
        askForCode(seconds, answer.body.mfa_token, (second) => endFrom(second, sid));
    } else {
        tell("end-said", say("second-not-in"), "bad");
    }
};

/* 6. Sign out. */

const signOut = async () => {
    let answer = await send("POST", urls.logout, {access: tokens.access});
    if (answer.status === 401) {
        // The access token may merely have expired: its session then ends by the refresh token.
        answer = await send("POST", urls.blacklist, {body: {refresh: tokens.refresh}});
    }
    leave();
    showSteps();
    const text = answer.ok ? say("signed-out") : say("forgotten", {status: answer.status});
    tell("sign-out-said", text, answer.ok ? "good" : "");
    signInForm.elements.username.focus();
};

on(signInForm, "submit", "sign-in-said", signIn);
on(ours.form, "submit", "sign-in-said", () => takeCode(ours));
on(part("call"), "click", "call-said", call);
on(part("refresh"), "click", "refresh-said", refresh);
on(part("end"), "click", "end-said", endForMe);
on(seconds.form, "submit", "end-said", () => takeCode(seconds));
on(part("sign-out"), "click", "sign-out-said", signOut);
watch.addEventListener("change", () => {
    tell("watch-said", say(watch.checked ? "watching" : "watching-no-more"));
    keepLooking();
});
watch.checked = false;
client.hidden = false;
