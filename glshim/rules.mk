# ---- glshim: the vendor libraries that glvnd loads into applications -----------------------------
cflags-glshim = -I$(BUILD)/wire
GLSHIM_GLX := $(call objects,$(wildcard glshim/glx*.c) glshim/configs.c)
GLSHIM_EGL := $(call objects,$(wildcard glshim/egl*.c))
GLSHIM := $(filter-out $(GLSHIM_GLX) $(GLSHIM_EGL),$(call objects,$(wildcard glshim/*.c)))
$(GLSHIM) $(GLSHIM_GLX) $(GLSHIM_EGL): | $(BUILD)/wire/.made

# Nothing but glvnd's entry point is exported: a program's own glEnable stays its own.
$(BUILD)/libGLX_glckpt.so.0: $(GLSHIM_GLX)
$(BUILD)/libEGL_glckpt.so.0: $(GLSHIM_EGL)
$(BUILD)/libGLX_glckpt.so.0 $(BUILD)/libEGL_glckpt.so.0: $(GLSHIM) $(WIRE_ENTRIES) $(WIRE)
	$(call say,LINK)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -shared -Wl,-soname,$(@F) -Wl,-z,defs -Wl,-z,nodelete \
		-Wl,--version-script=glshim/exports.map -o $@ $^ -lX11 -pthread

# How glvnd's libEGL finds its vendor.
$(BUILD)/50_glckpt.json: glshim/egl_vendor.json
	@mkdir -p $(@D)
	@cp $< $@

all: $(BUILD)/libGLX_glckpt.so.0 $(BUILD)/libEGL_glckpt.so.0 $(BUILD)/50_glckpt.json
