// A job type for Flamenco: a task a frame, each of which goes on from its last image when it was
// killed. For the `scripts` folder of the manager.

const JOB_TYPE = {
    label: "Render, kept by glckpt",
    settings: [
        { key: "frames", type: "string", required: true,
          eval: "f'{C.scene.frame_start}-{C.scene.frame_end}'", description: "Frames: 1-100, say" },
        { key: "images", type: "string", subtype: "dir_path", required: true,
          description: "Folder for images on the shared storage" },
        { key: "output", type: "string", subtype: "dir_path", required: true,
          description: "Folder for rendered frames" },
        { key: "blendfile", type: "string", required: true, visible: "web",
          eval: "bpy.data.filepath", description: "The scene" },
    ],
};

function compileJob(job) {
    for (const frame of frameChunker(job.settings.frames, 1)) {
        const task = author.Task("frame-" + frame, "blender");
        task.addCommand(author.Command("exec", { exe: "glckpt", args: glckptRun(job.settings, frame) }));
        job.addTask(task);
    }
}

function glckptRun(settings, frame) {
    return [
        "run", "--image=" + settings.images + "/" + frame, "--every=2m", "--grace=0", "--",
        "blender", "-b", settings.blendfile, "-o", settings.output + "/frame-####", "-f", frame,
    ];
}
