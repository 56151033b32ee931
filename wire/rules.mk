# ---- wire: the GL stream, generated from the Khronos registry and wire/policy.txt ------------
WIRE_INPUTS := $(wildcard wire/generate/*.py) wire/policy.txt wire/extensions.txt wire/own.xml \
	wire/opcodes.txt
WIRE_ENTRIES := $(foreach part,0 1 2 3,$(BUILD)/wire/entries$(part).o)
# Messages as data: for who reads streams without executing them.
WIRE_TABLES := $(BUILD)/wire/calls_table.o $(BUILD)/wire/enums.o
WIRE_MADE := $(BUILD)/wire/names.o $(BUILD)/wire/extensions.o $(BUILD)/wire/decode.o $(WIRE_ENTRIES) $(WIRE_TABLES)
WIRE := $(call objects,$(filter-out wire/ctl% wire/secure% wire/calls%,$(wildcard wire/*.c))) \
	$(BUILD)/wire/names.o $(BUILD)/wire/extensions.o
WIRE_CALLS := $(BUILD)/wire/calls.o $(WIRE_TABLES)
# What listens beyond this machine has TLS.
SECURE := $(BUILD)/wire/secure.o

$(BUILD)/wire/.made: $(WIRE_INPUTS)
	@mkdir -p $(@D)
	$(call say,GEN)
	$(Q)$(PYTHON) wire/generate --out $(BUILD)/wire --wire wire
	@touch $@

# So that make looks again at their times: what includes them is built anew at once.
$(addprefix $(BUILD)/wire/,driver_table.h entries.h hand.h messages.h track_calls.h): $(BUILD)/wire/.made ;

$(WIRE_MADE): $(BUILD)/wire/%.o: $(BUILD)/wire/.made $(BUILD)/.tools
	$(call say,CC)
	$(Q)$(CC) $(ALL_CFLAGS) -I$(BUILD)/wire -MMD -MP -c -o $@ $(BUILD)/wire/$*.c

cflags-wire = $(cflags-xdetach) -I$(BUILD)/wire
$(WIRE) $(BUILD)/wire/calls.o: | $(BUILD)/wire/.made

#: opcodes      gives new GL calls their numbers, once and for good
.PHONY: opcodes
opcodes:
	$(PYTHON) wire/generate --append-opcodes --out $(BUILD)/wire --wire wire
