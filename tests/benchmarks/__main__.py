"""The command behind ``make bench``, and ``make bench ONLY=metrics`` for one benchmark."""

import sys

from tests.benchmarks.runner import main

if __name__ == "__main__":
    main(sys.argv[1:])
