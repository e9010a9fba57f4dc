/* Shows what stands in a token. Whether it is true, the site alone can judge: it checks the signature. */
import {copyOf, meaningOf, say} from "./client_page.js";

const TIMES = new Set(["exp", "iat", "auth_time"]);
const language = document.documentElement.lang;

const decode = (segment) => {
    const bytes = atob(segment.replaceAll("-", "+").replaceAll("_", "/"));
    return JSON.parse(new TextDecoder().decode(Uint8Array.from(bytes, (byte) => byte.charCodeAt(0))));
};

export const read = (token) => {
    const [header, claims] = token.split(".", 2).map(decode);
    return {header, claims};
};

export const isOver = (token) => read(token).claims.exp * 1000 <= Date.now();

const asTime = (seconds) => new Date(seconds * 1000).toLocaleTimeString(language);

const asText = (value) => (typeof value === "string" ? value : JSON.stringify(value));

const asShown = (name, value) => (TIMES.has(name) ? asTime(value) : asText(value));

const asFact = (name, value) => {
    const fact = copyOf("fact");
    fact.querySelector("dt code").textContent = name;
    fact.querySelector("dd code").textContent = asText(value);
    fact.querySelector(".meaning").textContent = meaningOf(name);
    const when = fact.querySelector(".when");
    if (TIMES.has(name)) {
        when.textContent = asTime(value);
    }
    if (name === "exp") {
        when.id = "time-left";
        when.setAttribute("role", "timer");
    }
    return fact;
};

const showTimeLeft = (exp) => {
    const left = Math.max(0, Math.round(exp - Date.now() / 1000));
    const time = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
    const shown = left ? say("time-left", {time}) : say("time-over");
    document.getElementById("time-left").textContent = `${asTime(exp)} – ${shown}`;
};

let clock = null;

export const showToken = (token) => {
    const {header, claims} = read(token);
    const parts = document.querySelectorAll("#token span");
    token.split(".").forEach((part, number) => { parts[number].textContent = part; });
    for (const [place, values] of [["token-header", header], ["token-claims", claims]]) {
        const facts = Object.entries(values).map(([name, value]) => asFact(name, value));
        document.getElementById(place).replaceChildren(...facts);
    }
    clearInterval(clock);
    showTimeLeft(claims.exp);
    clock = setInterval(showTimeLeft, 1000, claims.exp);
};

export const forgetToken = () => {
    clearInterval(clock);
    for (const place of document.querySelectorAll("#token span, #token-header, #token-claims")) {
        place.replaceChildren();
    }
};

/* What a refresh has changed, and what it has not. */
export const showChanges = (before, after) => {
    const all = ({access, refresh}) => ({...read(access).claims, generation: read(refresh).claims.generation});
    const [old, now] = [all(before), all(after)];
    const changes = ["sid", "auth_time", "jti", "exp", "generation"].map((name) => {
        const isSame = old[name] === now[name];
        const change = copyOf("change");
        change.dataset.name = name;
        change.querySelector("dt code").textContent = name;
        change.querySelector(".verdict").textContent = say(isSame ? "stays" : "changes");
        change.querySelector(".verdict").dataset.mood = isSame ? "good" : "";
        change.querySelector(".before").textContent = asShown(name, old[name]);
        change.querySelector(".after").textContent = asShown(name, now[name]);
        change.querySelector(".meaning").textContent = meaningOf(name, "changes");
        return change;
    });
    document.getElementById("refresh-changes").replaceChildren(...changes);
};
