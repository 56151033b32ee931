# glckpt: one non-recursive Makefile. `make help` lists the targets.
#
# Every room adds its objects to a program below; everything built lies in $(BUILD).

BUILD ?= build
PREFIX ?= /usr/local
CC ?= gcc
PYTHON ?= /usr/bin/python3
PKG_CONFIG ?= pkg-config
VERSION := 0.1

# SANITIZE=address,undefined builds everything under the sanitizers, in a build folder of its own.
ifdef SANITIZE
BUILD := build/$(subst $(comma),-,$(SANITIZE))
SANFLAGS := -fsanitize=$(SANITIZE) -fno-omit-frame-pointer -fno-sanitize-recover=undefined
endif
comma := ,

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wundef \
	-Wpointer-arith -Wwrite-strings -Wno-unused-parameter -Wno-format-truncation
CFLAGS ?= -O2 -g
ALL_CFLAGS := -std=gnu11 $(WARN) -fvisibility=hidden -fPIC -D_FILE_OFFSET_BITS=64 \
	-DGLCKPT_VERSION='"$(VERSION)"' -I. $(CFLAGS) $(SANFLAGS)

.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

.PHONY: all help deps check check-asan test demo bench lint format install clean
all:

# ---- objects --------------------------------------------------------------------------------
objects = $(patsubst %.c,$(BUILD)/%.o,$(1))

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(cflags-$(firstword $(subst /, ,$<))) -MMD -MP -c -o $@ $<

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

BASE := $(call objects,$(wildcard base/*.c))

# ---- xdetach: the glckpt command ------------------------------------------------------------
XDETACH_PKGS := jansson popt libzstd libxxhash libpng xcb xcb-xtest xau
cflags-xdetach = $(shell $(PKG_CONFIG) --cflags $(XDETACH_PKGS))
XDETACH := $(call objects,$(wildcard xdetach/*.c xdetach/cmd/*.c wire/ctl*.c))

$(BUILD)/glckpt: $(XDETACH) $(BASE)
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(shell $(PKG_CONFIG) --libs $(XDETACH_PKGS)) -pthread

# The root of every dumped tree: static, so that no library's upgrade changes it.
$(BUILD)/glckpt-stub: xdetach/stub/stub.c
	@mkdir -p $(@D)
	$(CC) -std=gnu11 $(WARN) -I. -Os -s -static -o $@ $<

# What CRIU loads: its plugin, and the shim that gives it map_files in a user namespace.
$(BUILD)/criu-plugin/glckpt.so: xdetach/criu/plugin.c
	@mkdir -p $(@D)
	$(CC) -std=gnu11 $(WARN) -O2 -g -fPIC -shared -o $@ $<

$(BUILD)/glckpt-mapfiles.so: xdetach/criu/mapfiles.c
	@mkdir -p $(@D)
	$(CC) -std=gnu11 $(WARN) -O2 -g -fPIC -shared -o $@ $< -ldl

all: $(BUILD)/glckpt $(BUILD)/glckpt-stub $(BUILD)/criu-plugin/glckpt.so $(BUILD)/glckpt-mapfiles.so

# ---- unit tests: a program a file, cmocka's runner ------------------------------------------
UNIT := $(patsubst tests/unit/%.c,$(BUILD)/tests/unit/%,$(wildcard tests/unit/*.c))

$(BUILD)/tests/unit/%: $(BUILD)/tests/unit/%.o $(filter-out $(BUILD)/xdetach/main.o,$(XDETACH)) $(BASE)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(shell $(PKG_CONFIG) --libs $(XDETACH_PKGS) cmocka) -pthread

check: all $(UNIT)
	$(PYTHON) tests/run.py --unit $(UNIT)

# ---- samples: small programs to try it on, not sanitized because they stand for anybody's --------
SAMPLES := $(patsubst samples/%.c,$(BUILD)/samples/%,$(wildcard samples/*.c))

$(BUILD)/samples/%: samples/%.c
	@mkdir -p $(@D)
	$(CC) -std=gnu11 $(WARN) $(CFLAGS) -o $@ $< -Wl,--as-needed \
		$(shell $(PKG_CONFIG) --libs xcb xcb-shm) -pthread

.PHONY: samples
samples: $(SAMPLES)
all: samples

clean:
	rm -rf build

.SECONDARY:
