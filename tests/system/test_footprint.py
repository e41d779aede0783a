"""What Sluice costs when nothing happens: processor time with 16 ports, memory with 64."""

from bed import Bed, main
from figures import idle_percent, memory_mib

IDLE_PERCENT_MAX = 1.0
MEMORY_MIB_MAX = 40


def idle():
    with Bed() as bed:
        percent = idle_percent(bed, guests=2)
    assert percent < IDLE_PERCENT_MAX, f"{percent:.2f} % of a core with nothing to do"


def memory():
    with Bed() as bed:
        mib = memory_mib(bed, 64)
    assert mib < MEMORY_MIB_MAX, f"{mib:.1f} MiB resident with 64 ports"


def body(report):
    report.run(f"under {IDLE_PERCENT_MAX} % of a core with 16 ports attached", idle)
    report.run(f"under {MEMORY_MIB_MAX} MiB resident with 64 ports", memory)


if __name__ == "__main__":
    main(body)
