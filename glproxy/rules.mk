# ---- glproxy: renders for application processes ------------------------------------------------
GLPROXY_PKGS := egl xcb xcb-shm libxxhash libzstd libseccomp
cflags-glproxy = -I$(BUILD)/wire $(shell $(PKG_CONFIG) --cflags $(GLPROXY_PKGS) jansson libpng zlib)
GLPROXY := $(call objects,$(wildcard glproxy/*.c))
$(GLPROXY): | $(BUILD)/wire/.made

# The program's name is the room's, so its file lies beside the room's folder.
$(BUILD)/bin/glproxy: $(GLPROXY) $(BUILD)/wire/decode.o $(WIRE) $(BASE)
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ \
		$(shell $(PKG_CONFIG) --libs $(GLPROXY_PKGS)) -lm -pthread

all: $(BUILD)/bin/glproxy

# What is behind `glckpt gl`: a program of its own, which no session needs.
GL_LOOK_PKGS := jansson libpng zlib
GL_LOOK := $(call objects,$(wildcard glproxy/look/*.c))
$(GL_LOOK): | $(BUILD)/wire/.made
$(BUILD)/glckpt-gl: $(GL_LOOK) $(filter-out $(BUILD)/glproxy/main.o,$(GLPROXY)) $(BUILD)/wire/decode.o \
		$(WIRE) $(WIRE_CALLS) $(BASE)
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ \
		$(shell $(PKG_CONFIG) --libs $(GLPROXY_PKGS) $(GL_LOOK_PKGS)) -lm -pthread

all: $(BUILD)/glckpt-gl

# The decoder without a driver: for its tests, and for the fuzzer (clang's).
GL_TESTED := $(filter-out $(BUILD)/glproxy/main.o,$(GLPROXY)) $(BUILD)/wire/decode.o $(WIRE) \
	$(BUILD)/tests/fake_driver.o
$(BUILD)/tests/unit/decode: $(BUILD)/tests/unit/decode.o $(GL_TESTED) $(BASE)
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ \
		$(shell $(PKG_CONFIG) --libs $(GLPROXY_PKGS) cmocka) -lm -pthread
$(BUILD)/tests/unit/decode.o $(BUILD)/tests/fuzz/decode.o $(BUILD)/tests/fuzz/driver.o $(BUILD)/tests/fake_driver.o: | \
	$(BUILD)/wire/.made

# What looks at snapshots, on the same.
$(BUILD)/tests/unit/look: $(BUILD)/tests/unit/look.o $(filter-out %/main.o,$(GL_LOOK)) $(GL_TESTED) \
		$(WIRE_CALLS) $(BASE)
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ \
		$(shell $(PKG_CONFIG) --libs $(GLPROXY_PKGS) $(GL_LOOK_PKGS) cmocka) -lm -pthread
$(BUILD)/tests/unit/look.o: | $(BUILD)/wire/.made

# What proxies take to write and to build their objects (make bench).
$(BUILD)/tests/bench/gl-objects: $(BUILD)/tests/bench/gl-objects.o \
		$(filter-out $(BUILD)/glproxy/main.o,$(GLPROXY)) $(BUILD)/wire/decode.o $(WIRE) $(BASE)
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ \
		$(shell $(PKG_CONFIG) --libs $(GLPROXY_PKGS)) -lm -pthread
$(BUILD)/tests/bench/gl-objects.o: | $(BUILD)/wire/.made

#: fuzz         feeds nonsense to the decoder of the GL stream for an hour, or SECONDS=N
.PHONY: fuzz
fuzz:
	@$(MAKE) $(JOBS) CC=clang BUILD=build/fuzz CFLAGS='-O1 -g' \
		SANFLAGS='-fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=undefined' build/fuzz/tests/fuzz/decode
	@mkdir -p build/fuzz/corpus
	build/fuzz/tests/fuzz/decode -close_fd_mask=2 -artifact_prefix=build/fuzz/ -max_len=4096 \
		-max_total_time=$(or $(SECONDS),3600) build/fuzz/corpus

$(BUILD)/tests/fuzz/decode: $(BUILD)/tests/fuzz/decode.o $(BUILD)/tests/fuzz/driver.o $(GL_TESTED) $(BASE)
	$(call say,LINK)
	$(Q)$(CC) $(ALL_CFLAGS) -fsanitize=fuzzer -o $@ $^ \
		$(shell $(PKG_CONFIG) --libs $(GLPROXY_PKGS)) -lm -pthread
$(BUILD)/tests/unit/snapshot: $(addprefix $(BUILD)/glproxy/,snapshot_record.o snapshot_file.o contents.o)
$(BUILD)/tests/unit/told: $(BUILD)/tests/unit/told.o $(GL_TESTED) $(BASE)
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ \
		$(shell $(PKG_CONFIG) --libs $(GLPROXY_PKGS) cmocka) -lm -pthread
$(BUILD)/tests/unit/told.o: | $(BUILD)/wire/.made
