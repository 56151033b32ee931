"""glckpt gl: what an image keeps of OpenGL, listed, shown, verified, and read by apitrace."""

import json
import subprocess

import pytest
from harness import pictures
from harness.driver import BUILD, USAGE, wait_until

KEPT = BUILD / "samples" / "gl-kept"
KINDS = BUILD / "tests" / "gl" / "kinds" / "kinds"
PROXY = ("--gl", "proxy")


@pytest.fixture
def kept(glckpt):
    """An image of gl-kept, with no session left."""
    session = glckpt.launch(KEPT, "100", options=PROXY)
    wait_until(lambda: "frame 3 " in glckpt.log(session), "it draws")
    return glckpt.checkpoint(session, "--stop")


@pytest.fixture
def kinds(glckpt):
    """An image with a context for each kind of what OpenGL keeps."""
    moment = glckpt.work / "moment"
    session = glckpt.launch(KINDS, "--wait", moment, options=PROXY)
    wait_until(moment.exists, "all kinds are begun", timeout=60)
    return glckpt.checkpoint(session, "--stop")


def listed(glckpt, image) -> list[dict]:
    return json.loads(glckpt.ok("gl", "ls", "--json", image))


def objects(process: dict, kind: str) -> list[dict]:
    return [o for part in process["groups"] + process["contexts"] for o in part["objects"]
            if o["kind"] == kind]


def retrace(server, trace, folder):
    """Replays the trace; what it said, and its frames."""
    (folder / "frames").mkdir()
    done = server.run("glretrace", "-s", folder / "frames" / "frame-", trace)
    return done.stdout + done.stderr, sorted((folder / "frames").iterdir())


def test_objects_are_listed(glckpt, kept):
    (process,) = listed(glckpt, kept)
    textures = objects(process, "texture")
    assert len(textures) == 2
    assert all(t["target"] == "GL_TEXTURE_2D" and t["format"] == "GL_RGBA8" for t in textures)
    assert all((t["width"], t["height"], t["levels"]) == (256, 256, 1) for t in textures)
    assert all(t["bytes"] >= 256 * 256 * 4 for t in textures)
    assert len(objects(process, "program")) == 1
    (surface,) = process["surfaces"]
    assert (surface["kind"], surface["width"], surface["height"]) == ("window", 256, 256)
    text = glckpt.ok("gl", "ls", kept)
    assert "share group of context" in text and "RGBA8" in text


def test_pictures_and_a_trace_show_the_same(glckpt, server, kept):
    """The window as we show it is the window as glretrace draws it."""
    out = glckpt.work / "pictures"
    names = glckpt.ok("gl", "png", "-o", out, kept).splitlines()
    assert {str(file) for file in out.iterdir()} == set(names)
    assert {"surface1.png", "context1-texture1.png"} <= {file.name for file in out.iterdir()}
    assert not pictures.is_blank(out / "context1-texture2.png")
    trace = glckpt.work / "kept.trace"
    glckpt.ok("gl", "export", "-o", trace, kept)
    dumped = subprocess.run(["apitrace", "dump", "--color=never", trace], capture_output=True, text=True,
        check=True).stdout
    assert "internalformat = GL_RGBA8, width = 256, height = 256" in dumped
    said, frames = retrace(server, trace, glckpt.work)
    assert "warning" not in said and "error" not in said
    assert pictures.differing_pixels(frames[-1], out / "surface1.png") == 0


def test_what_is_built_is_what_was_kept(glckpt, kept):
    assert json.loads(glckpt.ok("gl", "verify", "--json", kept)) == {"same": True, "differences": []}
    piece = max((kept / "gl" / "contents").iterdir(), key=lambda path: path.stat().st_size)
    damaged = bytearray(piece.read_bytes())
    damaged[-1] ^= 1
    piece.write_bytes(damaged)
    assert piece.name in glckpt.refused("gl", "verify", kept)


@pytest.mark.once
def test_every_kind(glckpt, server, kinds):
    (process,) = listed(glckpt, kinds)
    assert len(process["contexts"]) > 10
    assert glckpt.run("gl", "verify", kinds).returncode == 0
    out = glckpt.work / "pictures"
    shown = json.loads(glckpt.ok("gl", "png", "--json", "--levels", "-o", out, kinds))
    assert shown["left_out"] == []
    assert len(shown["files"]) == len(list(out.iterdir())) > 20
    assert any(entry["file"].endswith("-depth.png") for entry in shown["files"])
    trace = glckpt.work / "kinds.trace"
    left_out = json.loads(glckpt.ok("gl", "export", "--json", "-o", trace, kinds))["left_out"]
    assert not any(what.startswith("ck") for what in left_out), "each has words of its own"
    said, frames = retrace(server, trace, glckpt.work)
    assert "error" not in said and frames


@pytest.mark.once
def test_several_processes(glckpt):
    """Each has its own snapshot, and files named after it."""
    session = glckpt.launch("sh", "-c", f"{KEPT} 100 & {KEPT} 100 & wait", options=PROXY)
    wait_until(lambda: glckpt.log(session).count("frame 3 ") == 2, "both draw")
    image = glckpt.checkpoint(session, "--stop")
    assert len(listed(glckpt, image)) == 2
    names = glckpt.ok("gl", "png", "-o", glckpt.work / "out", image)
    assert "/p1-surface1.png" in names and "/p2-surface1.png" in names


def test_sentences(glckpt, kept):
    for wrong in (("gl", "ls"), ("gl", "draw", kept), ("gl", "export", kept), ("gl", "ls", "-o", "x", kept)):
        glckpt.refused(*wrong, status=USAGE)
    nowhere = glckpt.work / "nowhere"
    assert "No such file" in glckpt.refused("gl", "ls", nowhere)
    assert "No such file" in glckpt.refused("gl", "export", "-o", nowhere / "x", kept)
    assert "No such file" in glckpt.refused("gl", "png", "-o", nowhere / "x", kept)
    snapshot = kept / "gl" / "p1.glsnap"
    snapshot.write_bytes(snapshot.read_bytes()[:-20])
    assert "cut off" in glckpt.refused("gl", "ls", kept)
    native = glckpt.launch("sleep", "100", options=("--gl", "native"))
    assert "--gl native" in glckpt.refused("gl", "ls", glckpt.checkpoint(native, "--stop"))
