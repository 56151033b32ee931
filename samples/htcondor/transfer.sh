#!/bin/sh
# transfer.sh NAME EVERY: renders scene.blend, and ends with 85 after EVERY, or on a TERM, with all
# there is in kept.tar. It works in a folder that has the same name on every host.
sandbox=$PWD work=/var/tmp/glckpt-$1
rm -rf "$work" && mkdir "$work" || exit 1
if [ -e kept.tar ]; then tar -C "$work" -xf kept.tar; else cp scene.blend "$work"; fi || exit 1
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
85) tar -C "$work" -cSf kept.part . && mv kept.part kept.tar && rm -rf "$work" || status=1 ;;
0) mv "$work"/frame-* . && rm -rf "$work" kept.tar ;;
*) rm -rf "$work" ;;
esac
exit "$status"
