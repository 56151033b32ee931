# ---- vnc: the bridge between the private X server and its viewers --------------------------------
VNC_PKGS := libvncserver cairo xcb xcb-damage xcb-randr xcb-shm xcb-xfixes xcb-xtest xau jansson
cflags-vnc = $(shell $(PKG_CONFIG) --cflags $(VNC_PKGS))
VNC := $(call objects,$(wildcard vnc/*.c))

$(BUILD)/glckpt-vnc: $(VNC) $(call objects,$(wildcard wire/ctl*.c)) $(BASE)
	$(call say,LINK)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(shell $(PKG_CONFIG) --libs $(VNC_PKGS)) -lm -pthread

# `glckpt record`: what it needs of the bridge, and ffmpeg outside.
$(BUILD)/glckpt-record: $(call objects,$(wildcard vnc/record/*.c)) $(filter-out $(BUILD)/vnc/main.o,$(VNC)) \
		$(call objects,$(wildcard wire/ctl*.c)) $(BASE)
	$(call say,LINK)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(shell $(PKG_CONFIG) --libs $(VNC_PKGS)) -lm -pthread

all: $(BUILD)/glckpt-vnc $(BUILD)/glckpt-record

# Its unit tests are linked with this room instead of the command's main().
VNC_TESTS := $(addprefix $(BUILD)/tests/unit/,vnc vnc-screen)
$(VNC_TESTS): UNIT_PKGS = $(VNC_PKGS)
$(VNC_TESTS): $(filter-out $(BUILD)/vnc/main.o,$(VNC))
