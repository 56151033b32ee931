# glckpt run in Nomad: SIGINT, then kill_timeout. The image lies in a folder that all clients see.
job "render" {
  type = "batch"
  group "render" {
    reschedule {
      unlimited = true
      delay     = "10s"
    }
    task "blender" {
      driver       = "raw_exec"
      kill_signal  = "SIGINT"
      kill_timeout = "60s"
      config {
        command = "/usr/local/bin/glckpt"
        args = [
          "run", "--image=/srv/render/image", "--grace=60s", "--notice=INT", "--every=10m", "--",
          "blender", "-b", "/srv/render/scene.blend", "-o", "//frame-####", "-a",
        ]
      }
    }
  }
}
