#!/bin/sh
# transfer.sh NAME EVERY: renders scene.blend, and ends with 85 after EVERY, or on a TERM, with all
# there is in `kept`. It works in a folder that has the same name on every host.
sandbox=$PWD work=/var/tmp/glckpt-$1
if [ -d kept ]; then rm -rf "$work" && mv kept "$work"; else mkdir -p "$work" && cp scene.blend "$work"; fi
cd "$work" || exit 1

trap 'kill -TERM "$run"' TERM
timeout --preserve-status --signal=USR1 "$2" \
	glckpt run --image=image --grace=50s -- blender -b scene.blend -o //frame-#### -a &
run=$!
wait "$run"
status=$?
trap '' TERM
# A notice interrupts the wait, and the job is not over then.
while kill -0 "$run" 2>/dev/null; do wait "$run"; status=$?; done

cd "$sandbox" || exit 1
case $status in
85) mv "$work" kept ;;
0) mv "$work"/frame-* . && rm -rf "$work" ;;
*) rm -rf "$work" ;;
esac
exit "$status"
