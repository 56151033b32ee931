# glckpt: one non-recursive Makefile. `make help` lists the targets.
#
# Every room adds its objects to a program below; everything built lies in $(BUILD). Nothing that
# `make deps` installs is needed to read this file: pkg-config is asked within recipes only.

BUILD ?= build
PREFIX ?= /usr/local
ifeq ($(origin CC),default)
CC := gcc
endif
PYTHON ?= /usr/bin/python3
PKG_CONFIG ?= pkg-config
VERSION := 0.1

# SANITIZE=address,undefined builds everything under the sanitizers, in a build folder of its own.
comma := ,
ifdef SANITIZE
BUILD := build/$(subst $(comma),-,$(SANITIZE))
SANFLAGS := -fsanitize=$(SANITIZE) -fno-omit-frame-pointer -fno-sanitize-recover=undefined
endif

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wundef \
	-Wpointer-arith -Wwrite-strings -Wno-unused-parameter
# Only gcc knows this warning; the sentences in fixed buffers may be cut.
WARN += $(if $(findstring clang,$(CC)),,-Wno-format-truncation)
CFLAGS ?= -O2 -g
BASE_CFLAGS := -std=gnu11 $(WARN) -I. -D_FILE_OFFSET_BITS=64 -DGLCKPT_VERSION='"$(VERSION)"' $(CFLAGS)
ALL_CFLAGS := $(BASE_CFLAGS) -fvisibility=hidden -fPIC $(SANFLAGS)

.DELETE_ON_ERROR:
.SUFFIXES:
.SECONDARY:
MAKEFLAGS += --no-builtin-rules --no-print-directory
JOBS := -j$(shell nproc)
# V=1 shows the commands.
Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-5s%s\n' $(1) $@)

.PHONY: all help deps criu check check-asan test test-here demo demo-here bench sheet leaks piglit piglit-chaos \
	lint format install uninstall clean FORCE

#: all          builds glckpt and its helpers (the default)
all:

help:
	@sed -n 's/^#: //p' Makefile

# ---- what is needed to build ----------------------------------------------------------------
XDETACH_PKGS := jansson popt libzstd libxxhash libpng xcb xcb-xtest xau
SAMPLE_PKGS := xcb xcb-shm gl x11
# Of what the rules of the GL rooms need; the Khronos registry comes without a .pc file.
GL_PKGS := egl gl libglvnd x11 xcb-shm libseccomp

# What everything is built with: rewritten, and everything built anew, only when that changes.
$(BUILD)/.tools: FORCE
	@mkdir -p $(@D)
	@{ command -v $(firstword $(CC)) && \
		$(PKG_CONFIG) --exists $(XDETACH_PKGS) $(SAMPLE_PKGS) $(GL_PKGS) $(VNC_PKGS) \
		$(WEB_PKGS); } >/dev/null 2>&1 || \
		{ echo "glckpt: the compiler or a library is missing: run \`make deps\`" >&2; exit 1; }
	@echo "$(CC) $(CFLAGS) $(SANFLAGS) $(VERSION)" | cmp -s - $@ || \
		echo "$(CC) $(CFLAGS) $(SANFLAGS) $(VERSION)" >$@

#: deps         installs by apt what is missing; asks for nothing, does nothing when all is there
deps:
	@tools/deps.sh build run demo test

#: criu         chooses a criu that works on this kernel, fetching a newer one where needed
criu: all
	@tools/get-criu.sh $(BUILD)

# ---- objects --------------------------------------------------------------------------------
objects = $(patsubst %.c,$(BUILD)/%.o,$(1))

$(BUILD)/%.o: %.c $(BUILD)/.tools
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(ALL_CFLAGS) $(cflags-$(firstword $(subst /, ,$<))) -MMD -MP -c -o $@ $<

-include $(shell find $(addprefix $(BUILD)/,base wire glshim glproxy vnc xdetach tests) -name '*.d' 2>/dev/null)

BASE := $(call objects,$(wildcard base/*.c))

# ---- xdetach: the glckpt command ------------------------------------------------------------
cflags-xdetach = $(shell $(PKG_CONFIG) --cflags $(XDETACH_PKGS))
XDETACH := $(call objects,$(filter-out xdetach/stub/% xdetach/preload/% xdetach/web/%, \
	$(wildcard xdetach/*.c xdetach/*/*.c)) $(wildcard wire/ctl*.c) wire/ring.c) \
	$(BUILD)/wire/names.o

$(BUILD)/glckpt: $(XDETACH) $(BASE)
	$(call say,LINK)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(shell $(PKG_CONFIG) --libs $(XDETACH_PKGS)) -pthread

# The root of every dumped tree: static, so that no library's upgrade changes it.
$(BUILD)/glckpt-stub: xdetach/stub/stub.c $(BUILD)/.tools
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CC) -std=gnu11 $(WARN) -I. -Os -s -static -o $@ $<

# What criu loads: its plugin, and the library that gives it map_files in a user namespace.
$(BUILD)/criu-plugin/glckpt.so: xdetach/preload/plugin.c $(BUILD)/.tools
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CC) $(BASE_CFLAGS) -fvisibility=hidden -fPIC -shared -o $@ $<

# Not for 64-bit file offsets by macro: it defines both names of each call.
$(BUILD)/glckpt-mapfiles.so: xdetach/preload/mapfiles.c $(BUILD)/.tools
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CC) -std=gnu11 $(WARN) $(CFLAGS) -fvisibility=hidden -fPIC -shared -o $@ $<

HELPERS := $(BUILD)/glckpt-stub $(BUILD)/criu-plugin/glckpt.so $(BUILD)/glckpt-mapfiles.so
all: $(BUILD)/glckpt $(HELPERS)

include wire/rules.mk $(wildcard gl*/rules.mk vnc/rules.mk) xdetach/web/rules.mk

# ---- samples: small programs that watch themselves ------------------------------------------
SAMPLES := $(patsubst %.c,$(BUILD)/%,$(wildcard samples/*.c))

$(BUILD)/samples/%: samples/%.c $(BUILD)/.tools
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CC) $(BASE_CFLAGS) $(shell $(PKG_CONFIG) --cflags $(SAMPLE_PKGS)) -o $@ $< \
		$(shell $(PKG_CONFIG) --libs $(SAMPLE_PKGS)) -pthread

all: $(SAMPLES)

#: demo         stops a Blender job in mid-frame, takes it up again and compares the frames
demo:
	@tools/deps.sh build run demo
	@$(MAKE) $(JOBS) all
	@$(MAKE) demo-here

demo-here: criu
	@$(PYTHON) samples/demo.py

# ---- tests ----------------------------------------------------------------------------------
UNIT := $(patsubst tests/unit/%.c,$(BUILD)/tests/unit/%,$(wildcard tests/unit/*.c))
cflags-tests = $(cflags-xdetach) -I$(BUILD)/wire

$(BUILD)/tests/unit/%: $(BUILD)/tests/unit/%.o $(filter-out $(BUILD)/xdetach/main.o,$(XDETACH)) $(BASE)
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ \
		$(shell $(PKG_CONFIG) --libs $(XDETACH_PKGS) $(UNIT_PKGS) cmocka) -lm -pthread

$(filter $(BUILD)/tests/unit/stream-%,$(UNIT)): $(BUILD)/tests/fake_criu.o

# Programs that the measurements use.
BENCHES := $(patsubst tests/bench/%.c,$(BUILD)/tests/bench/%,$(wildcard tests/bench/*.c))

$(BUILD)/tests/bench/%: $(BUILD)/tests/bench/%.o $(filter-out $(BUILD)/xdetach/main.o,$(XDETACH)) $(BASE)
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ \
		$(shell $(PKG_CONFIG) --libs $(XDETACH_PKGS) $(BENCH_PKGS)) -pthread

# The one that is a program like any other: no part of glckpt is in it.
$(BUILD)/tests/bench/gl-rows: tests/bench/gl-rows.c $(BUILD)/.tools
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CC) $(BASE_CFLAGS) -o $@ $< $(shell $(PKG_CONFIG) --cflags --libs gl x11)

bench: $(BENCHES)

# Makes pictures depend on the number of a program's frame, not on the time.
$(BUILD)/tests/gl/frames.so: tests/gl/frames.c $(BUILD)/.tools
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CC) -std=gnu11 $(WARN) $(CFLAGS) -fvisibility=hidden -fPIC -shared -o $@ $< -ldl

# A small program for each kind of what OpenGL keeps.
KINDS := $(wildcard tests/gl/kinds/*.c)
$(BUILD)/tests/gl/kinds/kinds: $(KINDS) tests/gl/kinds/kinds.h $(BUILD)/.tools
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CC) $(BASE_CFLAGS) $(shell $(PKG_CONFIG) --cflags $(SAMPLE_PKGS)) -o $@ $(KINDS) \
		$(shell $(PKG_CONFIG) --libs $(SAMPLE_PKGS))

all: $(BUILD)/tests/gl/kinds/kinds

#: sheet        pictures of many programs, native beside through the proxy: build/sheet/sheet.png
sheet:
	@tools/deps.sh build run demo test sheet
	@$(MAKE) $(JOBS) all $(BUILD)/tests/gl/frames.so
	@$(PYTHON) tests/gl/sheet.py

#: leaks        whether 10,000 contexts and 100,000 frames leave anything at either end of the stream
leaks:
	@tools/deps.sh build run demo test
	@$(MAKE) $(JOBS) all
	@$(PYTHON) tests/gl/leaks.py

#: piglit       piglit's quick_gl and quick_shader through the proxy: what is lost, by name; goes on
#:              where it was cut off
piglit:
	@tools/deps.sh build run demo test
	@$(MAKE) $(JOBS) all
	@$(PYTHON) tests/gl/piglit.py --known tests/gl/piglit.lost quick_gl quick_shader

#: piglit-chaos quick_gl while the proxy is built anew all the time; goes on where it was interrupted
piglit-chaos:
	@tools/deps.sh build run demo test
	@$(MAKE) $(JOBS) all
	@$(PYTHON) tests/gl/chaos.py

#: test         everything: dependencies, build, unit tests, end-to-end tests
test:
	@tools/deps.sh build run demo test
	@$(MAKE) $(JOBS) all
	@$(MAKE) test-here

test-here: criu $(UNIT)
	@$(PYTHON) tests/run.py --build $(BUILD) --e2e $(UNIT)

#: check        the unit tests: under a minute, without root or network
check: all $(UNIT)
	@$(PYTHON) tests/run.py --build $(BUILD) $(UNIT)

#: check-asan   the same under AddressSanitizer and UndefinedBehaviorSanitizer
check-asan:
	@$(MAKE) $(JOBS) SANITIZE=address,undefined check

#: bench        checkpoints, restores and the display, measured against their rivals
bench: criu
	@tools/deps.sh run demo bench
	@$(PYTHON) tests/bench/bench.py

# ---- hygiene --------------------------------------------------------------------------------
C_FILES = $(shell git ls-files '*.c' '*.h')

#: lint         format, who includes whom, exported symbols, shell, Python, the manual, clang
lint: all
	@tools/deps.sh lint
	@clang-format --dry-run -Werror $(C_FILES)
	@$(PYTHON) tools/lint.py $(BUILD)
	@shellcheck $$(git ls-files '*.sh' '*.bash') .ci/run
	@pyflakes3 $$(git ls-files '*.py')
	@mandoc -Tlint -Wwarning docs/glckpt.1
	@$(MAKE) $(JOBS) CC=clang BUILD=build/clang CFLAGS='-O1 -g -Werror' all

#: format       brings the C files into the house style
format:
	clang-format -i $(C_FILES)

# ---- installing -----------------------------------------------------------------------------
bindir = $(DESTDIR)$(PREFIX)/bin
libexecdir = $(DESTDIR)$(PREFIX)/libexec/glckpt
mandir = $(DESTDIR)$(PREFIX)/share/man/man1
completiondir = $(DESTDIR)$(PREFIX)/share/bash-completion/completions

#: install      into $(DESTDIR)$(PREFIX), with the criu that was fetched, if one was
install: all
	install -D -m 755 -t $(bindir) $(BUILD)/glckpt
	install -D -m 755 -t $(libexecdir) $(BUILD)/glckpt-stub $(BUILD)/glckpt-mapfiles.so \
		$(BUILD)/glckpt-vnc $(BUILD)/glckpt-record $(BUILD)/glckpt-web $(BUILD)/glckpt-gl
	install -D -m 644 -t $(libexecdir)/page $(BUILD)/page/*
	install -D -m 755 -t $(libexecdir)/criu-plugin $(BUILD)/criu-plugin/glckpt.so
	install -D -m 755 -t $(libexecdir)/bin $(BUILD)/bin/glproxy
	install -D -m 644 -t $(libexecdir) $(BUILD)/libGLX_glckpt.so.0 $(BUILD)/libEGL_glckpt.so.0 \
		$(BUILD)/50_glckpt.json
	install -D -m 644 -t $(mandir) docs/glckpt.1
	install -D -m 644 docs/glckpt.bash $(completiondir)/glckpt
	if [ -d $(BUILD)/criu ]; then cp -a $(BUILD)/criu $(libexecdir); fi
	if [ -e $(BUILD)/criu.path ]; then install -m 644 -t $(libexecdir) $(BUILD)/criu.path; fi

uninstall:
	rm -rf $(bindir)/glckpt $(libexecdir) $(mandir)/glckpt.1 $(completiondir)/glckpt

#: clean        removes everything built, the fetched criu too
clean:
	rm -rf build
