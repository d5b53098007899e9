# vecx: see README.md. `make quickstart` shows it, `make check` tests it, `make && make install` installs it.
EXTENSION = vecx
EXTVERSION = 1.0.0-dev
MODULE_big = vecx

PG_CONFIG ?= pg_config
PG_MAJOR := $(shell $(PG_CONFIG) --version 2>/dev/null | sed -E 's/^PostgreSQL ([0-9]+).*/\1/')

# Targets that must work before anything is installed: they install what is missing, then call make again.
SCRIPT_TARGETS = quickstart quickstart-stop check check-nightly
ifneq ($(filter $(SCRIPT_TARGETS),$(MAKECMDGOALS)),)

.PHONY: $(SCRIPT_TARGETS)
quickstart:      ; @scripts/quickstart start
quickstart-stop: ; @scripts/quickstart stop
check:           ; @scripts/check
check-nightly:   ; @scripts/check-nightly

else ifeq ($(PG_MAJOR),)
$(error pg_config not found: install PostgreSQL's server headers (Debian: postgresql-server-dev-15), or run "make quickstart", which does)
else ifeq ($(wildcard src/pg/module.cpp),)
$(error make runs in the folder of its Makefile: VPATH builds are not supported)
else

# Out-of-the-box parallel make, unless the caller chose a number of jobs.
ifeq ($(filter -j%,$(MAKEFLAGS)),)
MAKEFLAGS += -j$(shell nproc 2>/dev/null || echo 2)
endif

OBJDIR := build/obj-$(PG_MAJOR)

# CRASH_POINTS=1 makes build/crash-NN/vecx.so, in which a test can end the process at named places (src/base/crash.hpp).
# It is for scripts/stage/crash and is never installed from here.
ifneq ($(CRASH_POINTS),)
ifneq ($(filter install installcheck clean,$(MAKECMDGOALS)),)
$(error CRASH_POINTS=1 is for building only)
endif
OBJDIR := build/crash-$(PG_MAJOR)
MODULE_big = $(OBJDIR)/vecx
endif

# The core (all of src/ except src/pg) is compiled without PostgreSQL's include path.
CORE_SRCS  := $(sort $(filter-out src/pg/%,$(shell find src -name '*.cpp')))
SHELL_SRCS := $(sort $(shell find src/pg -name '*.cpp'))
CORE_OBJS  := $(patsubst src/%.cpp,$(OBJDIR)/%.o,$(CORE_SRCS))
ifneq ($(CRASH_POINTS),)
# These know nothing of pages: the objects are those of an ordinary build.
CORE_OBJS := $(patsubst $(OBJDIR)/%,build/obj-$(PG_MAJOR)/%,$(filter $(addprefix $(OBJDIR)/,base/% kernels/% types/%),$(CORE_OBJS))) \
	$(filter-out $(addprefix $(OBJDIR)/,base/% kernels/% types/%),$(CORE_OBJS))
endif
SHELL_OBJS := $(patsubst src/%.cpp,$(OBJDIR)/%.o,$(SHELL_SRCS))
OBJS = $(CORE_OBJS) $(SHELL_OBJS)

SQL_PARTS := $(sort $(wildcard sql/parts/*.sql))
DATA_built = sql/$(EXTENSION)--$(EXTVERSION).sql
DATA = $(filter-out $(DATA_built),$(wildcard sql/$(EXTENSION)--*--*.sql))
DOCS = README.md

REGRESS = $(patsubst test/sql/%.sql,%,$(sort $(wildcard test/sql/*.sql)))
REGRESS_OPTS = --inputdir=test --outputdir=build/regress --encoding=UTF8 --no-locale --load-extension=vecx
EXTRA_CLEAN = $(DATA_built) build

# Bitcode would be compiled without our flags, and inlining kernels into JIT code gains nothing.
override with_llvm := no
override COMPILER = $(CXX) $(CXXFLAGS)

PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

ifeq ($(PORTNAME),linux)
SHLIB_LINK += -Wl,--version-script=src/pg/exports.map
vecx.so: src/pg/exports.map
endif

# C with templates: see src/README.md, "Errors and memory". PostgreSQL is compiled without strict aliasing and with
# signed overflow that wraps, and the functions and macros in its headers rely on both.
VECX_CXXFLAGS = -std=c++20 -O2 -g -fPIC -fno-strict-aliasing -fwrapv -fvisibility=hidden -fno-exceptions -fno-rtti \
	-fno-threadsafe-statics -fno-math-errno -Wall -Wextra -Wno-register $(if $(WERROR),-Werror)

# One translation unit per instruction-set level, each with its own flags; nothing else gets them.
include src/kernels/flags.mk

# Arithmetic over whole vectors, in loops for the compiler to vectorise.
isa_flags_coarse4 := -O3
isa_flags_flat := -O3
isa_flags_panels := -O3
isa_flags_rabitq := -O3
isa_flags_encode := -O3
isa_flags_dense_math := -O3
isa_flags_dense_convert := -O3
isa_flags_codec += -O3

crash_flags = $(if $(filter build/crash-%,$@),-DVECX_CRASH_POINTS)

$(filter $(OBJDIR)/%,$(CORE_OBJS)): $(OBJDIR)/%.o: src/%.cpp
	@mkdir -p $(@D)
	$(CXX) $(VECX_CXXFLAGS) $(isa_flags_$(*F)) $(PG_CXXFLAGS) $(EXTRA_CXXFLAGS) $(crash_flags) -Isrc -MMD -MP -c $< -o $@

ifneq ($(CRASH_POINTS),)
$(filter build/obj-%,$(CORE_OBJS)): build/obj-$(PG_MAJOR)/%.o: src/%.cpp
	@mkdir -p $(@D)
	$(CXX) $(VECX_CXXFLAGS) $(isa_flags_$(*F)) $(PG_CXXFLAGS) $(EXTRA_CXXFLAGS) -Isrc -MMD -MP -c $< -o $@
endif

# PostgreSQL's headers ask for gnu_printf, which clang does not know: -Wno-ignored-attributes.
$(SHELL_OBJS): $(OBJDIR)/%.o: src/%.cpp
	@mkdir -p $(@D)
	$(CXX) $(VECX_CXXFLAGS) $(PG_CXXFLAGS) $(EXTRA_CXXFLAGS) $(crash_flags) -Wno-ignored-attributes -Wno-unused-parameter -Wno-missing-field-initializers -Isrc $(CPPFLAGS) -MMD -MP -c $< -o $@

-include $(OBJS:.o=.d)

# There is one vecx.so but objects for each PostgreSQL: link again when it was last linked for another one.
# (Not a rule: PGXS makes all targets .SECONDARY, and a missing file of such a one counts as up to date.)
LINKED := build/linked-$(PG_MAJOR)
$(shell test -e $(LINKED) || { mkdir -p build; rm -f build/linked-*; touch $(LINKED); })
vecx.so: $(LINKED)

include bench/bench.mk

$(DATA_built): $(SQL_PARTS)
	@{ printf '%s\n' '\echo Use "CREATE EXTENSION $(EXTENSION)" to load this file. \quit'; cat $(SQL_PARTS); } > $@.tmp
	@mv $@.tmp $@

endif
