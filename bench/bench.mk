# The benchmark's targets, included by the Makefile. See bench/README.md.
BENCH_DIR := build/bench
BENCH_SRCS := $(filter-out bench/driver/kernel_counts.cpp,$(wildcard bench/driver/*.cpp))
BENCH_OBJS := $(patsubst bench/driver/%.cpp,$(BENCH_DIR)/%.o,$(BENCH_SRCS))

# Optional libraries: what is missing leaves its peer or format out.
bench_has = $(shell printf '%s\n' $(1) | $(CXX) -std=c++20 $(2) -fsyntax-only -x c++ - 2>/dev/null && echo yes)
BENCH_LIBPQ_FLAGS := -I$(shell $(PG_CONFIG) --includedir)
BENCH_HDF5_INCLUDE := $(firstword $(wildcard /usr/include/hdf5/serial))

BENCH_CXXFLAGS = -std=c++20 -O3 -march=native -g -pthread -ffp-contract=fast -fno-math-errno -Wall -Wextra \
	$(if $(WERROR),-Werror) $(BENCH_LIBPQ_FLAGS) $(BENCH_DEFS)
BENCH_LIBS = -L$(shell $(PG_CONFIG) --libdir) -lpq $(BENCH_OPTIONAL_LIBS) -pthread

$(BENCH_DIR)/%.o: bench/driver/%.cpp
	@mkdir -p $(@D)
	$(CXX) $(BENCH_CXXFLAGS) $(EXTRA_CXXFLAGS) -MMD -MP -c $< -o $@

$(BENCH_DIR)/vecx-bench: $(BENCH_OBJS)
	$(CXX) $^ $(BENCH_LIBS) -o $@

-include $(BENCH_OBJS:.o=.d)
