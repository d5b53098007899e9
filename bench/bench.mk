# The benchmark's targets, included by the Makefile. See bench/README.md.
#   make bench-ground   COPY and exact scans against pgvector                       (about 2 minutes)
#   make bench-plans    whether the planner chooses the fastest plan                (about 10 minutes)
#   make bench-quick    the regression guard                                       (under 3 minutes)
#   make bench          every phase on every set, then the report                  (minutes per set)
#   make bench-bars     what the fast layouts are held to, at full size, as a table  (about 35 minutes)
#   make bench-ivf      what ivf and ivfflat are held to, as a table                 (about 20 minutes)
#   make bench-filter-plans  whether filtered searches go the fastest way            (about 6 minutes)
#   make bench-filter   filtered queries against every other way to answer them       (about 35 minutes)
#   make bench-compare A=NAME B=NAME   every ratio of two runs side by side
#   make bench-report   the report again from the results that are there
# BENCH_DATA   a directory with one sub-directory per data set; without it synthetic sets are used
# BENCH_SETS   which of them (all); BENCH_NAME names the results (doc/benchmarks/NAME), default "current"
# BENCH_SYSTEMS, BENCH_FLAGS: further --system and other options of build/bench/vecx-bench
BENCH_DIR := build/bench
BENCH_NAME ?= current
export BENCH_PLANS BENCH_FRESH BENCH_LAYOUTS BENCH_DATA BENCH_SETS BENCH_NAME BENCH_SYSTEMS BENCH_FLAGS BENCH_METHOD

BENCH_SRCS := $(wildcard bench/driver/*.cpp)
BENCH_OBJS := $(patsubst bench/driver/%.cpp,$(BENCH_DIR)/%.o,$(BENCH_SRCS))

# Optional libraries: without one its peer or file format is left out of the driver.
BENCH_HDF5_INCLUDE := $(firstword $(patsubst %/hdf5.h,%,$(wildcard /usr/include/hdf5/serial/hdf5.h /usr/include/hdf5.h)))
BENCH_HDF5_LIB := $(firstword $(wildcard /usr/lib/*/hdf5/serial/libhdf5.so /usr/lib/*/libhdf5.so))
BENCH_FAISS := $(wildcard /usr/include/faiss/IndexHNSW.h)
BENCH_DEFS = $(if $(BENCH_HDF5_LIB),-DHAVE_HDF5 -isystem $(BENCH_HDF5_INCLUDE)) $(if $(BENCH_FAISS),-DHAVE_FAISS -fopenmp)
BENCH_OPTIONAL_LIBS = $(BENCH_HDF5_LIB) $(if $(BENCH_FAISS),-lfaiss -llapack -lblas -fopenmp)

# -march=native: the in-process peers choose their instructions when they are compiled.
# -Wno-restrict: GCC 12 warns wrongly about std::string's operator+ (its bug 105651).
BENCH_CXXFLAGS = -std=c++20 -O3 -march=native -g -pthread -fno-math-errno -Wall -Wextra $(BENCH_NO_RESTRICT) \
	$(if $(WERROR),-Werror) -isystem $(shell $(PG_CONFIG) --includedir) $(BENCH_DEFS)
BENCH_NO_RESTRICT := $(if $(findstring clang,$(shell $(CXX) --version)),,-Wno-restrict)

$(BENCH_OBJS): $(BENCH_DIR)/%.o: bench/driver/%.cpp
	@mkdir -p $(@D)
	$(CXX) $(BENCH_CXXFLAGS) $(EXTRA_CXXFLAGS) -MMD -MP -c $< -o $@

$(BENCH_DIR)/vecx-bench: $(BENCH_OBJS)
	$(CXX) $^ -L$(shell $(PG_CONFIG) --libdir) -lpq $(BENCH_OPTIONAL_LIBS) -pthread -o $@

-include $(BENCH_OBJS:.o=.d)

# Instructions per kernel call, counted under valgrind: noise cannot hide a regression.
$(BENCH_DIR)/kernel-counts: bench/kernel_counts.cpp $(filter $(OBJDIR)/kernels/%,$(CORE_OBJS))
	@mkdir -p $(@D)
	$(CXX) $(VECX_CXXFLAGS) -Isrc $^ -o $@

.PHONY: bench bench-quick bench-bars bench-ivf bench-filter bench-filter-plans bench-compare bench-report bench-ground bench-plans bench-selftest
bench: $(BENCH_DIR)/vecx-bench
	bench/run full
	bench/run report
bench-quick: $(BENCH_DIR)/vecx-bench $(BENCH_DIR)/kernel-counts
	bench/run quick
bench-bars: $(BENCH_DIR)/vecx-bench
	BENCH_NAME=$(if $(filter current,$(BENCH_NAME)),bars,$(BENCH_NAME)) bench/run bars
bench-ivf: $(BENCH_DIR)/vecx-bench
	BENCH_NAME=$(if $(filter current,$(BENCH_NAME)),ivf,$(BENCH_NAME)) bench/run ivf
bench-filter: $(BENCH_DIR)/vecx-bench
	BENCH_NAME=$(if $(filter current,$(BENCH_NAME)),filter,$(BENCH_NAME)) bench/run filter
bench-compare:
	python3 bench/compare.py doc/benchmarks/$(or $(A),current) doc/benchmarks/$(or $(B),second)
bench-ground: $(BENCH_DIR)/vecx-bench
	bench/run ground
bench-filter-plans:
	BENCH_NAME=$(if $(filter current,$(BENCH_NAME)),filter,$(BENCH_NAME)) bench/run filter-plans
bench-plans:
	bench/run plans
bench-report:
	bench/run report
bench-selftest: $(BENCH_DIR)/vecx-bench
	$(BENCH_DIR)/vecx-bench selftest
