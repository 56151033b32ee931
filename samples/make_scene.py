"""Makes the small animated scene that the demo, the tests and the bench render.

    blender -b --factory-startup --python samples/make_scene.py -- \\
        [--engine EEVEE|CYCLES] [--frames N] [--size WxH] [--samples N] [--plain] OUT.blend

A ring of glossy spheres turns around a glass Suzanne over a chequered floor, under a sun and a
coloured area light. Everything follows from the frame number, so that two renderings of a frame are
equal pixel for pixel, however often the process was stopped in between.
"""

import argparse
import math
import sys

import bpy


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make_scene.py")
    parser.add_argument("--engine", choices=("EEVEE", "CYCLES"), default="EEVEE")
    parser.add_argument("--frames", type=int, default=5)
    parser.add_argument("--size", default="320x240")
    parser.add_argument("--samples", type=int, default=0, help="a frame; 0: what suits the engine")
    parser.add_argument("--plain", action="store_true", help="cheap shading, for short tests")
    parser.add_argument("output")
    return parser.parse_args(sys.argv[sys.argv.index("--") + 1 :])


def make_material(name: str, color, metallic=0.0, roughness=0.5, transmission=0.0):
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    inputs = material.node_tree.nodes["Principled BSDF"].inputs
    inputs["Base Color"].default_value = (*color, 1.0)
    inputs["Metallic"].default_value = metallic
    inputs["Roughness"].default_value = roughness
    inputs["Transmission"].default_value = transmission
    return material


def add_floor() -> None:
    bpy.ops.mesh.primitive_plane_add(size=14)
    material = make_material("floor", (0.8, 0.8, 0.8), roughness=0.35)
    nodes = material.node_tree.nodes
    checker = nodes.new("ShaderNodeTexChecker")
    checker.inputs["Scale"].default_value = 12
    checker.inputs["Color1"].default_value = (0.75, 0.72, 0.66, 1)
    checker.inputs["Color2"].default_value = (0.08, 0.09, 0.12, 1)
    surface = nodes["Principled BSDF"].inputs["Base Color"]
    material.node_tree.links.new(checker.outputs["Color"], surface)
    bpy.context.object.data.materials.append(material)


def add_monkey(engine: str):
    """Cycles gets a coarse one: Embree builds the tree of a mesh of more than a thousand triangles
    with several threads, a little differently each time, and a pixel or two of each frame differ.
    """
    bpy.ops.mesh.primitive_monkey_add(size=1.7, location=(0, 0, 1.1))
    monkey = bpy.context.object
    bpy.ops.object.shade_smooth()
    monkey.modifiers.new("smooth", "SUBSURF").render_levels = 0 if engine == "CYCLES" else 2
    monkey.data.materials.append(
        make_material("glass", (0.55, 0.8, 1.0), roughness=0.08, transmission=0.7)
    )
    return monkey


def add_ring(count=9, radius=2.4):
    bpy.ops.object.empty_add(location=(0, 0, 0))
    hub = bpy.context.object
    for number in range(count):
        angle = 2 * math.pi * number / count
        place = (radius * math.cos(angle), radius * math.sin(angle), 0.45)
        bpy.ops.mesh.primitive_uv_sphere_add(radius=0.42, location=place, segments=32)
        ball = bpy.context.object
        bpy.ops.object.shade_smooth()
        color = [0.5 + 0.45 * math.cos(angle + shift) for shift in (0, 2.1, 4.2)]
        ball.data.materials.append(
            make_material(f"ball {number}", color, metallic=number % 2, roughness=0.2)
        )
        ball.parent = hub
    return hub


def add_lights_and_camera() -> None:
    bpy.ops.object.light_add(type="SUN", rotation=(0.7, 0.2, 0.5))
    bpy.context.object.data.energy = 2.5
    bpy.ops.object.light_add(type="AREA", location=(-4, -2, 4), rotation=(0.5, -0.8, 0))
    bpy.context.object.data.energy = 300
    bpy.context.object.data.color = (1.0, 0.55, 0.3)
    bpy.ops.object.camera_add(location=(0, -7.2, 4.2), rotation=(math.radians(63), 0, 0))
    bpy.context.scene.camera = bpy.context.object


def animate(hub, monkey, frames: int) -> None:
    """Keyframes at both ends of a full turn of the ring in 24 frames."""
    bpy.context.preferences.edit.keyframe_new_interpolation_type = "LINEAR"
    for frame in (1, 25):
        part = (frame - 1) / 24
        hub.rotation_euler = (0, 0, 2 * math.pi * part)
        hub.keyframe_insert("rotation_euler", frame=frame)
        monkey.rotation_euler = (0, 0, -0.8 + 1.6 * part)
        monkey.keyframe_insert("rotation_euler", frame=frame)
    bpy.context.scene.frame_start = 1
    bpy.context.scene.frame_end = frames


def configure_eevee(scene, samples: int, plain: bool) -> None:
    scene.render.engine = "BLENDER_EEVEE"
    scene.eevee.taa_render_samples = samples or 24
    scene.eevee.use_gtao = not plain
    scene.eevee.use_ssr = not plain
    if plain:
        scene.eevee.shadow_cube_size = "64"
        scene.eevee.shadow_cascade_size = "64"


def configure_cycles(scene, samples: int, plain: bool) -> None:
    scene.render.engine = "CYCLES"
    scene.cycles.device = "CPU"
    scene.cycles.samples = samples or 24
    scene.cycles.use_adaptive_sampling = False
    scene.cycles.use_denoising = False
    scene.cycles.seed = 7
    scene.cycles.max_bounces = 4 if plain else 12


def main() -> None:
    arguments = parse_arguments()
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.world = bpy.data.worlds.new("sky")
    scene.world.color = (0.05, 0.06, 0.09)
    add_floor()
    animate(add_ring(), add_monkey(arguments.engine), arguments.frames)
    add_lights_and_camera()
    configure = {"EEVEE": configure_eevee, "CYCLES": configure_cycles}[arguments.engine]
    configure(scene, arguments.samples, arguments.plain)
    width, height = arguments.size.split("x")
    scene.render.resolution_x = int(width)
    scene.render.resolution_y = int(height)
    scene.render.resolution_percentage = 100
    bpy.ops.wm.save_as_mainfile(filepath=arguments.output)


if __name__ == "__main__":
    main()
