/* Runs a bulk revocation: one step after the other, until it is done or somebody pauses it.
   Without this script the form does one step at each press of its button. */
"use strict";
(() => {
    const form = document.getElementById("bulk-form");
    if (!form) {
        return;
    }
    const texts = form.dataset;
    const part = (name) => document.getElementById(`bulk-${name}`);
    const [bar, progress, state, left, said] = ["bar", "progress", "state", "left", "said"].map(part);
    const [goOn, pause] = ["go", "pause"].map(part);
    const SAY_EVERY = 15000;
    const LONGEST_WAIT = 30000;

    let isRunning = false;
    let isToStop = false;
    let done = Number(texts.done);
    let began = 0;
    let doneBefore = 0;
    let saidAt = 0;
    let wait = 0;
    let wakeUp = null;

    // Who hears the page is told of changes, and of progress now and then.
    const say = (text) => {
        said.textContent = text;
        saidAt = Date.now();
    };

    const show = (text) => {
        if (state.textContent !== text) {
            state.textContent = text;
            say(text);
        }
    };

    const showButtons = () => {
        goOn.hidden = isRunning;
        pause.hidden = !isRunning;
        pause.disabled = isToStop;
    };

    const stop = (text, isForGood = false) => {
        const hadFocus = document.activeElement === pause;
        isRunning = isToStop = false;
        left.textContent = "";
        show(text);
        showButtons();
        goOn.hidden = isForGood;
        if (hadFocus && !isForGood) {
            goOn.focus();
        }
    };

    const asTime = (seconds) => {
        const pad = (number) => String(Math.floor(number)).padStart(2, "0");
        return `${Math.floor(seconds / 3600)}:${pad((seconds / 60) % 60)}:${pad(seconds % 60)}`;
    };

    const showTimeLeft = () => {
        const rate = (done - doneBefore) / (Date.now() - began);
        const rest = Number(texts.total) - done;
        const isKnown = rate > 0 && rest > 0;
        left.textContent = isKnown ? texts.left.replace("{time}", asTime(rest / rate / 1000)) : "";
    };

    const take = (answer) => {
        const isStuck = answer.done === done && answer.position === form.elements.position.value;
        wait = isStuck ? Math.min(Math.max(2 * wait, 1000), LONGEST_WAIT) : 0;
        done = answer.done;
        form.elements.position.value = answer.position;
        bar.value = answer.percent;
        progress.textContent = answer.progress;
        part("percent").textContent = answer.percent;
        showTimeLeft();
        show(wait ? texts.waiting : texts.running);
        if (Date.now() - saidAt > SAY_EVERY) {
            say(`${answer.progress} (${answer.percent} %). ${left.textContent}`);
        }
    };

    const pass = (milliseconds) => new Promise((resolve) => {
        wakeUp = resolve;
        setTimeout(resolve, milliseconds);
    });

    const ask = () => fetch(form.action, {
        method: "POST",
        body: new URLSearchParams({position: form.elements.position.value}),
        headers: {
            "Accept": "application/json",
            "X-CSRFToken": form.elements.csrfmiddlewaretoken.value,
        },
        credentials: "same-origin",
        redirect: "manual",
    });

    // Returns why it cannot go on, or nothing.
    const step = async () => {
        const response = await ask();
        if (response.type === "opaqueredirect") {
            return [texts.signedOut, true];
        }
        if (response.status === 403 || response.status === 404) {
            return [texts.refused, true];
        }
        const answer = await response.json();
        if (!response.ok) {
            return [answer.error || texts.failed];
        }
        if (answer.is_finished) {
            location.replace(texts.page);
            return [answer.progress, true];
        }
        take(answer);
        return null;
    };

    const run = async () => {
        isRunning = true;
        wait = 0;
        began = Date.now();
        doneBefore = done;
        show(texts.running);
        showButtons();
        while (!isToStop) {
            let trouble;
            try {
                trouble = await step();
            } catch {
                trouble = [texts.failed];
            }
            if (trouble) {
                stop(...trouble);
                return;
            }
            if (wait && !isToStop) {
                await pass(wait);
            }
        }
        stop(texts.paused);
    };

    goOn.addEventListener("click", () => {
        run();
        pause.focus();
    });
    pause.addEventListener("click", () => {
        isToStop = true;
        show(texts.pausing);
        showButtons();
        if (wakeUp) {
            wakeUp();
        }
    });
    form.addEventListener("submit", (event) => event.preventDefault());
    part("continue").hidden = true;
    if (texts.starts === "yes") {
        run();
    } else {
        stop(texts.paused);
    }
})();
