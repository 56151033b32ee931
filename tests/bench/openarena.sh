#!/bin/sh
# openarena.sh HOME WIDTHxHEIGHT DEMO: plays a demo as fast as it goes; prints "N frames S seconds F fps".
set -eu
home=$1 size=$2 demo=$3
mkdir -p "$home"
HOME=$home SDL_AUDIODRIVER=dummy exec /usr/lib/ioquake3/ioquake3 \
	+set com_basegame baseoa +set fs_basepath /usr/lib/openarena +set com_homepath .openarena \
	+set com_legacyprotocol 70 +set com_protocol 71 +set com_standalone 1 +set cl_motd 0 \
	+set s_initsound 0 +set sv_pure 0 +set in_nograb 1 +set com_maxfps 0 \
	+set cl_renderer opengl1 +set r_fullscreen 0 +set r_swapInterval 0 \
	+set r_mode -1 +set r_customwidth "${size%x*}" +set r_customheight "${size#*x}" \
	+set timedemo 1 +set nextdemo quit +demo "$demo"
