/* What the page says, and how: every text comes from its templates, and goes in as text. */

const find = (id, name) => document.getElementById(id).content.querySelector(`[data-name="${name}"]`);

export const say = (name, values = {}, {among = "texts"} = {}) => {
    const said = find(among, name).textContent.trim();
    return said.replace(/\{(\w+)\}/g, (_, key) => values[key]);
};

export const meaningOf = (name, among = "meanings") => say(find(among, name) ? name : "another", {}, {among});

export const copyOf = (template) => document.getElementById(template).content.firstElementChild.cloneNode(true);

/* Who hears the page is told; `mood` is "good", "bad" or none. */
export const tell = (id, text, mood = "") => {
    const said = document.getElementById(id);
    said.textContent = text;
    said.dataset.mood = mood;
};

export const showAnswer = (id, answer) => {
    const shown = copyOf("answer");
    const head = [`${answer.status} ${answer.statusText}`.trim()];
    if (answer.challenge) {
        head.push(`WWW-Authenticate: ${answer.challenge}`);
    }
    const body = answer.body === null ? "" : JSON.stringify(answer.body, null, 2);
    shown.firstElementChild.textContent = `${head.join("\n")}\n\n${body}`.trim();
    document.getElementById(id).replaceChildren(shown);
};

export const clearErrors = (form) => {
    for (const field of form.querySelectorAll("input")) {
        field.removeAttribute("aria-invalid");
        document.getElementById(`${field.id}-error`).textContent = "";
    }
};

export const showError = (field, text) => {
    field.setAttribute("aria-invalid", "true");
    document.getElementById(`${field.id}-error`).textContent = text;
};

/* Returns whether every field is filled in. Else says so at each that is not, and goes to the first. */
export const isFilledIn = (form) => {
    clearErrors(form);
    const empty = [...form.querySelectorAll("input")].filter((field) => !field.value);
    empty.forEach((field) => showError(field, say("empty")));
    empty[0]?.focus();
    return !empty.length;
};

/* What `form` is refused for: by field, as the API says it, or else at the last field. */
export const showRefusal = (form, answer) => {
    const fields = [...form.querySelectorAll("input")];
    const named = fields.filter((field) => Array.isArray(answer.body?.[field.name]));
    named.forEach((field) => showError(field, answer.body[field.name].join(" ")));
    if (!named.length) {
        const field = fields.at(-1);
        showError(field, answer.body?.detail ?? say("not-done", {status: answer.status}));
        named.push(field);
    }
    named[0].focus();
};
