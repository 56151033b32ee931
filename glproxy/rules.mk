# ---- glproxy: renders for application processes ------------------------------------------------
GLPROXY_PKGS := egl xcb xcb-shm
cflags-glproxy = -I$(BUILD)/wire $(shell $(PKG_CONFIG) --cflags $(GLPROXY_PKGS))
GLPROXY := $(call objects,$(wildcard glproxy/*.c))
$(GLPROXY): | $(BUILD)/wire/.made

# The program's name is the room's, so its file lies beside the room's folder.
$(BUILD)/bin/glproxy: $(GLPROXY) $(BUILD)/wire/decode.o $(WIRE) $(BASE)
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ \
		$(shell $(PKG_CONFIG) --libs $(GLPROXY_PKGS)) -pthread

all: $(BUILD)/bin/glproxy
