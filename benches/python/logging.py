"""Log records: silenced ones, simple ones and formatted ones into a text."""
import io
import logging


def messages(logger, times):
    for i in range(times):
        logger.debug("not said %d", i)
        logger.debug("not said either")
        logger.warning("a warning without values")
        logger.warning("a warning of %s with %d values", "call", i)


def main():
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(levelname)s:%(name)s:%(funcName)s:%(message)s"))
    logger = logging.getLogger("bench.inner")
    logger.setLevel(logging.WARNING)
    logger.propagate = False
    logger.addHandler(handler)
    messages(logger, 24000)
    logger.removeHandler(handler)
    text = stream.getvalue()
    print("lines", text.count("\n"), "characters", len(text))
    print(text.splitlines()[-1])


main()
