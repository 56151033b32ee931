"""Draws a picture off screen by moderngl: moderngl_picture.py egl|x11 FILE"""

import sys

import moderngl
import numpy
from PIL import Image

VERTEX = """
#version 330
in vec2 place;
out vec2 at;
void main() { at = place; gl_Position = vec4(place, 0.0, 1.0); }
"""

FRAGMENT = """
#version 330
in vec2 at;
out vec4 colour;
void main() {
    vec2 z = vec2(0.0);
    float turns = 0.0;
    for (; turns < 64.0 && dot(z, z) < 4.0; turns++)
        z = vec2(z.x * z.x - z.y * z.y, 2.0 * z.x * z.y) + at * 1.4 - vec2(0.5, 0.0);
    colour = vec4(turns / 64.0, fract(turns / 8.0), fract(turns / 3.0), 1.0);
}
"""


def main() -> None:
    backend, file = sys.argv[1:3]
    options = {"backend": "egl"} if backend == "egl" else {}
    context = moderngl.create_standalone_context(**options)
    program = context.program(vertex_shader=VERTEX, fragment_shader=FRAGMENT)
    corners = context.buffer(numpy.array([-1, -1, 1, -1, -1, 1, 1, 1], "f4").tobytes())
    target = context.simple_framebuffer((320, 240))
    target.use()
    context.simple_vertex_array(program, corners, "place").render(moderngl.TRIANGLE_STRIP)
    picture = Image.frombytes("RGB", target.size, target.read(), "raw", "RGB", 0, -1)
    picture.save(file)


if __name__ == "__main__":
    main()
