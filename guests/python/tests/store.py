"""A module of the user's own, from the shared store: at the upload, and another one in a call."""
import greetings

def main():
    import numbers_of_mine
    with open("/lib/python/data.txt") as file:
        return f"{greetings.HELLO} {numbers_of_mine.ANSWER} {file.read().strip()}"
