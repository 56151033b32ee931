// What both pages share: asking the server, and saying things briefly.

export class Refused extends Error {}
export class Lost extends Error {}

async function ask(path, options) {
    let answer;
    try {
        answer = await fetch(path, options);
    } catch {
        throw new Lost("The server has ended. Start it again: glckpt web");
    }
    if (answer.status === 403)
        throw new Lost("The server does not know this browser any more. Start glckpt web again.");
    return answer;
}

async function read(answer) {
    const value = await answer.json();
    if (value.error)
        throw new Refused(value.error);
    return value;
}

const query = (values) => new URLSearchParams(values).toString();

export async function farm() {
    return read(await ask("api/farm"));
}

/** Does what a button says; resolves when it is done. `what`: {session} or {image, name?}. */
export async function act(action, what) {
    return read(await ask(`api/${action}?${query(what)}`, { method: "POST" }));
}

/** A picture as a blob, or null where there is none just now. */
export async function picture(what) {
    const answer = await ask(`api/picture?${query(what)}`);
    return answer.ok ? answer.blob() : null;
}

export function viewSocket(session) {
    const here = new URL(`api/view?${query({ session })}`, location.href);
    here.protocol = here.protocol === "https:" ? "wss:" : "ws:";
    here.hash = "";
    return here.href;
}

export function bytes(count) {
    const units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let unit = 0;
    for (; count >= 1024 && unit + 1 < units.length; unit++)
        count /= 1024;
    return `${unit && count < 100 ? count.toFixed(1) : Math.round(count)} ${units[unit]}`;
}

export function duration(seconds) {
    const s = Math.max(0, Math.floor(seconds));
    if (s < 60)
        return `${s} s`;
    if (s < 3600)
        return `${Math.floor(s / 60)} min`;
    if (s < 86400)
        return `${Math.floor(s / 3600)} h ${Math.floor(s / 60) % 60} min`;
    return `${Math.floor(s / 86400)} d ${Math.floor(s / 3600) % 24} h`;
}

export const command = (words) => (words || []).join(" ");

/** What happened, in a sentence. */
export function result(action, value) {
    if (action === "checkpoint")
        return `Kept as ${base(value.path)}, after a pause of ${value.pause_s.toFixed(2)} s`;
    if (action === "restore")
        return `Runs again as ${value.name}`;
    return "";
}

export const base = (path) => path.slice(path.lastIndexOf("/") + 1);

export const doing = {
    checkpoint: "Checkpointing",
    stop: "Checkpointing, then stopping",
    kill: "Ending",
    restore: "Restoring",
};

/** How fast frames come and how busy processors are, from two looks at a session. */
export class Rates {
    #before = new Map();

    of(session) {
        const now = performance.now() / 1000, before = this.#before.get(session.name);
        const frames = session.gl?.frames;
        const look = { now, cpu: session.cpu_s, frames, started: session.started };
        let rates = before?.rates ?? {};
        if (before && before.started === look.started && now - before.now > 0.5) {
            rates = { cpu: (look.cpu - before.cpu) / (now - before.now) };
            if (Number.isFinite(frames) && Number.isFinite(before.frames))
                rates.fps = (frames - before.frames) / (now - before.now);
        }
        if (!before || before.started !== look.started || now - before.now > 0.5)
            this.#before.set(session.name, { ...look, rates });
        return { ...rates, ...(Number.isFinite(session.gl?.fps) ? { fps: session.gl.fps } : {}) };
    }
}
