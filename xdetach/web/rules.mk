# ---- xdetach/web: the farm page, a program of its own ---------------------------------------------
WEB_PKGS := libmicrohttpd gnutls
WEB := $(call objects,$(wildcard xdetach/web/*.c))

$(BUILD)/glckpt-web: $(WEB) $(filter-out $(BUILD)/xdetach/main.o $(BUILD)/xdetach/cmd/%,$(XDETACH)) \
		$(SECURE) $(BASE)
	$(call say,LINK)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ \
		$(shell $(PKG_CONFIG) --libs $(XDETACH_PKGS) $(WEB_PKGS)) -pthread

PAGE := $(patsubst xdetach/web/page/%,$(BUILD)/page/%,$(wildcard xdetach/web/page/*))

$(BUILD)/page/%: xdetach/web/page/%
	@mkdir -p $(@D)
	$(Q)cp $< $@

all: $(BUILD)/glckpt-web $(PAGE)

# Its unit test is linked with the server instead of its main().
$(BUILD)/tests/unit/web: UNIT_PKGS = $(WEB_PKGS)
$(BUILD)/tests/unit/web: $(filter-out $(BUILD)/xdetach/web/main.o,$(WEB)) $(SECURE)
