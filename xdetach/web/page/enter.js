// The way in: swaps the token behind '#' for a cookie, or finds the way back to where this browser
// was let in before.

async function enter(token) {
    const answer = await fetch("/enter", { method: "POST", body: token });
    if (!answer.ok)
        return null;
    const { room } = await answer.json();
    localStorage.setItem("room", room);
    return room;
}

async function wasHere() {
    const room = localStorage.getItem("room");
    if (!room)
        return null;
    const answer = await fetch(`/${room}/api/farm`);
    return answer.ok ? room : null;
}

async function begin() {
    const token = location.hash.slice(1);
    const room = (token && await enter(token)) || await wasHere();
    if (room)
        location.replace(`/${room}/`);
    else
        document.getElementById("say").textContent = token
            ? "This address was used already. Ask for another one: glckpt web"
            : "This needs the whole address that glckpt web has printed.";
}

begin().catch(() => {
    document.getElementById("say").textContent = "The server does not answer: start glckpt web again.";
});
