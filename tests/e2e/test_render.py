"""Blender animations that are stopped in the middle of frames end with the undisturbed pixels."""

import pytest
from harness import blender
from harness.driver import wait_until

SMALL = ("--plain", "--size", "200x150")
SCENES = {
    "EEVEE": ("--engine", "EEVEE", "--frames", "12", "--samples", "20", *SMALL),
    "CYCLES": ("--engine", "CYCLES", "--frames", "12", "--samples", "20", *SMALL),
}


@pytest.fixture
def output(glckpt):
    return glckpt.folder("frames")


def stop_in_a_frame(glckpt, session, output, frames):
    """Waits until at least `frames` are done and another is being sampled; stops the session."""

    def sampling():
        return len(blender.frames(output)) >= frames and blender.frame_begun(glckpt.log(session))

    wait_until(sampling, f"frame {frames + 1} is begun", timeout=120, every=0.05)
    return glckpt.checkpoint(session, "--stop")


def animate(glckpt, scene, output, generations, options=()):
    """One animation through so many images; how many frames were there at each."""
    session = glckpt.launch(*blender.command(scene, output), options=options)
    for generation in range(generations):
        image = stop_in_a_frame(glckpt, session, output, generation)
        assert session not in glckpt.names()
        session = glckpt.restore(image)
    assert glckpt.wait(session, timeout=240) == 0


@pytest.mark.parametrize("engine", ["EEVEE", "CYCLES"])
def test_ten_generations_of_one_animation(glckpt, output, engine):
    scene = blender.make_scene(*SCENES[engine])
    expected = blender.reference(scene)
    animate(glckpt, scene, output, generations=10)
    assert blender.differing_frames(expected, blender.frames(output)) == []


def test_without_a_display(glckpt, output):
    scene = blender.make_scene(*SCENES["EEVEE"])
    expected = blender.reference(scene)
    animate(glckpt, scene, output, generations=2, options=("--no-display",))
    assert blender.differing_frames(expected, blender.frames(output)) == []


def test_going_on_after_checkpoints(glckpt, output):
    """Images taken from a running renderer; the last is restored when the renderer has ended."""
    scene = blender.make_scene(*SCENES["CYCLES"])
    expected = blender.reference(scene)
    session = glckpt.launch(*blender.command(scene, output))
    images = []
    for frames in (1, 3):
        wait_until(lambda: len(blender.frames(output)) >= frames, "frames are done", timeout=120)
        images.append(glckpt.checkpoint(session, "--wait"))
    assert glckpt.wait(session, timeout=240) == 0
    assert blender.differing_frames(expected, blender.frames(output)) == []
    for frame in blender.frames(output)[3:]:
        frame.unlink()
    assert glckpt.wait(glckpt.restore(images[-1]), timeout=240) == 0
    assert blender.differing_frames(expected, blender.frames(output)) == []
