"""Images that are damaged, cut, too new, or no longer fit the machine are refused by a sentence."""

import json
import shutil
import subprocess

import pytest
from harness.driver import BUILD, OWN_FAILURE
from ticks import TICKER, ticking

QUIET = ("--no-display",)


def stopped_image(glckpt, *command, options=()):
    session = glckpt.launch(*command, options=options)
    ticking(glckpt, session, further=1)
    return glckpt.checkpoint(session, "--stop")


def refused_restore(glckpt, image, **keywords):
    """The sentence; and nothing runs, and nothing has been changed."""
    before = sorted(str(path) for path in glckpt.work.rglob("*"))
    sentence = glckpt.refused("restore", "-d", image, status=OWN_FAILURE, **keywords)
    assert glckpt.names() == set()
    assert sorted(str(path) for path in glckpt.work.rglob("*")) == before
    return sentence


def files_of(image):
    return sorted(path for path in image.rglob("*") if path.is_file() and path.stat().st_size)


def flip_byte(path, position):
    data = bytearray(path.read_bytes())
    data[position] ^= 0x10
    path.write_bytes(data)


def damaged_copies(image, damage):
    """One (file, copy of the image with that file damaged) after the other."""
    for file in files_of(image):
        copy = image.with_name(image.name + ".damaged")
        shutil.copytree(image, copy)
        damage(copy / file.relative_to(image))
        yield file, copy
        shutil.rmtree(copy)


@pytest.fixture
def everything_image(glckpt):
    """An image with every kind of file in it."""
    folder = glckpt.folder("written")
    script = f"{BUILD}/samples/writer {folder} 50"
    return stopped_image(glckpt, "sh", "-c", script)


@pytest.mark.parametrize("where", ["begin", "middle", "end"])
def test_a_flipped_byte_in_any_file(glckpt, everything_image, where):
    place = {
        "begin": lambda size: 0,
        "middle": lambda size: size // 2,
        "end": lambda size: size - 1,
    }

    def damage(path):
        flip_byte(path, place[where](path.stat().st_size))

    for file, copy in damaged_copies(everything_image, damage):
        sentence = refused_restore(glckpt, copy)
        assert file.name in sentence or "manifest" in sentence, sentence
    ticking(glckpt, glckpt.restore(everything_image))


@pytest.mark.parametrize("left", [0, 0.5, -1])
def test_a_cut_file(glckpt, everything_image, left):
    """Nothing of it is left, half of it is, or all but one byte."""

    def damage(path):
        size = path.stat().st_size
        with path.open("r+b") as file:
            file.truncate(size - 1 if left == -1 else int(size * left))

    for file, copy in damaged_copies(everything_image, damage):
        sentence = refused_restore(glckpt, copy)
        assert file.name in sentence or "manifest" in sentence, sentence


def test_a_missing_file(glckpt, everything_image):
    for file, copy in damaged_copies(everything_image, lambda path: path.unlink()):
        assert file.name in refused_restore(glckpt, copy)


def test_an_image_that_is_none(glckpt):
    empty = glckpt.folder("empty")
    assert str(empty) in refused_restore(glckpt, empty)
    assert "missing" in refused_restore(glckpt, glckpt.work / "missing")


def test_a_newer_version_is_refused(glckpt):
    """With its checksum as the newer program would have written it, or without a valid one."""
    image = stopped_image(glckpt, TICKER, options=QUIET)
    manifest = image / "manifest.json"
    content = json.loads(manifest.read_text())
    content["version"] = content["version"] + 41
    manifest.chmod(0o600)
    manifest.write_text(json.dumps(content))
    sentence = refused_restore(glckpt, image)
    assert "version" in sentence or "checksum" in sentence, sentence


def test_a_missing_executable(glckpt):
    copy = glckpt.work / "ticker-copy"
    shutil.copy(TICKER, copy)
    image = stopped_image(glckpt, copy, options=QUIET)
    copy.rename(copy.with_suffix(".away"))
    assert str(copy) in refused_restore(glckpt, image)
    copy.with_suffix(".away").rename(copy)
    ticking(glckpt, glckpt.restore(image))


def test_another_executable(glckpt):
    copy = glckpt.work / "ticker-copy"
    shutil.copy(TICKER, copy)
    image = stopped_image(glckpt, copy, options=QUIET)
    copy.unlink()
    shutil.copy(BUILD / "samples" / "clock", copy)
    assert str(copy) in refused_restore(glckpt, image)


def build_program_with_library(folder, answer):
    """A program that prints what its own library says."""
    library, program = folder / "libanswer.so", folder / "asker"
    (folder / "answer.c").write_text(
        f"int answer(void);\nint answer(void) {{ return {answer}; }}\n"
    )
    (folder / "asker.c").write_text(
        "#include <stdio.h>\n#include <unistd.h>\nint answer(void);\n"
        'int main(void) { for (;;) { printf("%d\\n", answer()); fflush(stdout); usleep(50000); }}\n'
    )
    compiler = ["cc", "-O1", "-Wl,--build-id"]
    subprocess.run([*compiler, "-shared", "-fPIC", "-o", library, folder / "answer.c"], check=True)
    if not program.exists():
        link = [f"-L{folder}", "-lanswer", f"-Wl,-rpath,{folder}"]
        subprocess.run([*compiler, "-o", program, folder / "asker.c", *link], check=True)
    return program


def test_a_changed_library(glckpt):
    folder = glckpt.folder("program")
    program = build_program_with_library(folder, 42)
    image = stopped_image(glckpt, program, options=QUIET)
    library = folder / "libanswer.so"
    library.unlink()
    build_program_with_library(folder, 43)
    assert str(library) in refused_restore(glckpt, image)
    library.unlink()
    build_program_with_library(folder, 42)
    ticking(glckpt, glckpt.restore(image))


def test_a_missing_input_file(glckpt):
    """A file that is open for reading must be there and be the same."""
    data = glckpt.work / "data"
    data.write_text("input\n" * 100)
    data.chmod(0o644)
    script = f"exec 3<{data}; while :; do echo ok; sleep 0.05; done"
    image = stopped_image(glckpt, "sh", "-c", script, options=QUIET)
    data.write_text("other\n" * 100)
    assert str(data) in refused_restore(glckpt, image)
    data.unlink()
    assert str(data) in refused_restore(glckpt, image)


def test_show_refuses_a_damaged_manifest(glckpt):
    image = stopped_image(glckpt, TICKER, options=QUIET)
    flip_byte(image / "manifest.json", 20)
    assert "manifest" in glckpt.refused("show", image)


def test_an_interrupted_checkpoint_is_no_image(glckpt):
    """What a killed writer leaves is refused, and gone after the next checkpoint."""
    session = glckpt.launch(TICKER, options=QUIET)
    killed = {"GLCKPT_FAIL": "checkpoint-publish:kill"}
    glckpt.refused("checkpoint", "--wait", session, env=killed)
    for part in glckpt.images.glob("*.part-*"):
        assert part.name in glckpt.refused("restore", "-d", part, status=OWN_FAILURE)
    glckpt.checkpoint(session, "--stop")
    assert list(glckpt.images.glob("*.part-*")) == []
