// vecx-bench: the benchmark driver. See bench/README.md.
#include <cstdio>

#include "common.hpp"
#include "options.hpp"
#include "phases.hpp"

using namespace vecx::bench;

int main(int argc, char **argv) {
    try {
        const Options options = parse_options(argc, argv);
        catch_interrupts();
        raise_priority(0);
        if (options.command == "selftest")
            return check_recall() && check_hdf5() ? 0 : 1;
        if (options.command == "truth") {
            for (const DatasetOptions &set : options.sets)
                whole_truth(open_dataset(set), options.k, options.cache);
            return 0;
        }
        ResultFile results(options.out);
        if (options.command == "ground") {
            run_ground(options, &results);
            return 0;
        }
        if (options.command == "run") {
            run_phases(options, &results);
            return 0;
        }
        throw Error("no command \"" + options.command + "\"");
    } catch (const Interrupted &stop) {
        fprintf(stderr, "\n%s\n", stop.what());
        return 130;
    } catch (const std::exception &error) {
        fprintf(stderr, "vecx-bench: %s\n", error.what());
        if (argc < 2)
            print_usage();
        return 2;
    }
}
