/* Sends requests, as any client of the API would, and writes each into the log of the page. */
import {copyOf, say} from "./client_page.js";

const log = document.getElementById("log");
let last = null;

const isAtEnd = () => log.scrollHeight - log.scrollTop - log.clientHeight < 40;

/* The same request with the same answer, as of a page that watches, is counted in one line. */
const write = ({method, path, status, time}) => {
    const what = [method, path, status].join(" ");
    const follows = isAtEnd();
    if (last?.what === what) {
        last.times += 1;
    } else {
        if (!last) {
            log.replaceChildren();
        }
        last = {what, times: 1, line: copyOf("request")};
        log.append(last.line);
    }
    const part = (name) => last.line.querySelector(`.${name}`);
    part("method").textContent = method;
    part("path").textContent = path;
    part("status").textContent = status;
    part("status").dataset.mood = status >= 200 && status < 300 ? "good" : "bad";
    part("time").textContent = `${time} ms`;
    part("times").textContent = last.times > 1 ? `× ${last.times}` : "";
    if (follows) {
        log.scrollTop = log.scrollHeight;
    }
};

const readBody = (text) => {
    try {
        return text ? JSON.parse(text) : null;
    } catch {
        return text;
    }
};

export class NoAnswer extends Error {}

/* Returns the answer; throws NoAnswer if there is none. */
export const send = async (method, path, {body, access} = {}) => {
    const headers = {"Accept": "application/json"};
    if (body) {
        headers["Content-Type"] = "application/json";
    }
    if (access) {
        headers["Authorization"] = `Bearer ${access}`;
    }
    const began = performance.now();
    const pass = () => Math.round(performance.now() - began);
    // No cookies: what lets this client in is its token alone.
    const options = {method, headers, body: body && JSON.stringify(body), credentials: "omit", cache: "no-store"};
    let response;
    let text;
    try {
        response = await fetch(path, options);
        text = await response.text();
    } catch (error) {
        write({method, path, status: say("not-sent"), time: pass()});
        throw new NoAnswer(path, {cause: error});
    }
    write({method, path, status: response.status, time: pass()});
    return {
        ok: response.ok,
        status: response.status,
        statusText: response.statusText,
        challenge: response.headers.get("WWW-Authenticate"),
        body: readBody(text),
    };
};
