"""Asks the driver for what takes it very long, says so, and is killed."""

import os
import signal

import moderngl

VERTEX = """
#version 330
void main() { gl_Position = vec4(gl_VertexID & 1, gl_VertexID >> 1, 0.0, 0.5); }
"""

FRAGMENT = """
#version 330
uniform int rounds;
out vec4 colour;
void main() {
    float x = gl_FragCoord.x;
    for (int i = 0; i < rounds; i++)
        x = sin(x) * float(i);
    colour = vec4(x);
}
"""


def main() -> None:
    context = moderngl.create_standalone_context(backend="egl")
    program = context.program(vertex_shader=VERTEX, fragment_shader=FRAGMENT)
    program["rounds"] = 1 << 30
    context.simple_framebuffer((640, 480)).use()
    context.vertex_array(program, []).render(
        moderngl.TRIANGLE_STRIP, vertices=4, instances=1000)
    print("asked", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main()
