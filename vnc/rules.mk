# ---- vnc: the bridge between the private X server and its viewers --------------------------------
VNC_PKGS := libvncserver gnutls cairo xcb xcb-damage xcb-randr xcb-shm xcb-xfixes xcb-xtest xau jansson
cflags-vnc = $(shell $(PKG_CONFIG) --cflags $(VNC_PKGS))
VNC_WIRE := $(call objects,$(wildcard wire/ctl*.c)) $(SECURE)
VNC := $(call objects,$(wildcard vnc/*.c))

$(BUILD)/glckpt-vnc: $(VNC) $(VNC_WIRE) $(BASE)
	$(call say,LINK)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(shell $(PKG_CONFIG) --libs $(VNC_PKGS)) -lm -pthread

# `glckpt record`: what it needs of the bridge, and ffmpeg outside.
$(BUILD)/glckpt-record: $(call objects,$(wildcard vnc/record/*.c)) $(filter-out $(BUILD)/vnc/main.o,$(VNC)) \
		$(VNC_WIRE) $(BASE)
	$(call say,LINK)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(shell $(PKG_CONFIG) --libs $(VNC_PKGS)) -lm -pthread

all: $(BUILD)/glckpt-vnc $(BUILD)/glckpt-record

# Its unit tests are linked with this room instead of the command's main().
VNC_TESTS := $(addprefix $(BUILD)/tests/unit/,vnc vnc-screen)
$(VNC_TESTS): UNIT_PKGS = $(VNC_PKGS)
$(VNC_TESTS): $(filter-out $(BUILD)/vnc/main.o,$(VNC)) $(SECURE)

# The measurements' moving pictures, and the viewer that counts them.
$(BUILD)/tests/bench/rfb-count: BENCH_PKGS = libvncclient
$(BUILD)/tests/bench/moving-x: BENCH_PKGS = xcb xcb-shm
$(BUILD)/tests/bench/moving-gl: BENCH_PKGS = gl x11

#: fuzz-viewer  feeds nonsense to the bridge's viewers' side for an hour, or SECONDS=N
.PHONY: fuzz-viewer
fuzz-viewer:
	@$(MAKE) $(JOBS) CC=clang BUILD=build/fuzz CFLAGS='-O1 -g' \
		SANFLAGS='-fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=undefined' build/fuzz/tests/fuzz/viewer
	@mkdir -p build/fuzz/corpus-viewer
	build/fuzz/tests/fuzz/viewer -close_fd_mask=2 -artifact_prefix=build/fuzz/ -max_len=4096 \
		-max_total_time=$(or $(SECONDS),3600) build/fuzz/corpus-viewer

$(BUILD)/tests/fuzz/viewer: $(BUILD)/tests/fuzz/viewer.o $(filter-out $(BUILD)/vnc/main.o,$(VNC)) \
		$(VNC_WIRE) $(BASE)
	$(call say,LINK)
	$(Q)$(CC) $(ALL_CFLAGS) -fsanitize=fuzzer -o $@ $^ $(shell $(PKG_CONFIG) --libs $(VNC_PKGS)) -lm -pthread
