r"""A small text adventure, which reads its commands from standard input.

hermetic run examples/adventure.py
printf 'take lamp\nnorth\n' | hermetic run examples/adventure.py
"""

import sys

ROOMS = {
    "hall": {
        "text": "A hall with a stone floor. A passage leads north, a stair leads down.",
        "exits": {"north": "library", "down": "cellar"},
        "things": {"lamp"},
    },
    "library": {
        "text": "Shelves to the ceiling. The only way is south.",
        "exits": {"south": "hall"},
        "things": {"key"},
    },
    "cellar": {
        "text": "A vault with an iron door to the east. The stair leads up.",
        "exits": {"up": "hall", "east": "garden"},
        "things": set(),
    },
    "garden": {
        "text": "Daylight, grass, and the sound of bees. You are out.",
        "exits": {},
        "things": set(),
    },
}
HELP = "north, south, east, west, up, down, take THING, look, bag, help, quit"


class Adventure:
    def __init__(self):
        self.room = "hall"
        self.bag = set()

    @property
    def won(self):
        return self.room == "garden"

    def obey(self, command):
        match command.lower().split():
            case []:
                return "Say something."
            case ["help"]:
                return HELP
            case ["look"]:
                return self.look()
            case ["bag"]:
                return f"You carry {listing(self.bag)}."
            case ["take", thing]:
                return self.take(thing)
            case ["go", direction] | [direction] if direction in HELP.split(", ")[:6]:
                return self.go(direction)
            case _:
                return f"I understand: {HELP}."

    def look(self):
        room = ROOMS[self.room]
        if self.room == "cellar" and "lamp" not in self.bag:
            return "It is pitch dark. A stair leads up."
        things = f" You see {listing(room['things'])}." if room["things"] else ""
        return room["text"] + things

    def take(self, thing):
        things = ROOMS[self.room]["things"]
        if thing not in things:
            return f"There is no {thing} here."
        things.remove(thing)
        self.bag.add(thing)
        return f"You have the {thing}."

    def go(self, direction):
        exits = ROOMS[self.room]["exits"]
        if direction not in exits:
            return "There is no way there."
        if exits[direction] == "garden":
            if "lamp" not in self.bag:
                return "You can't see a thing."
            if "key" not in self.bag:
                return "The iron door is locked."
        self.room = exits[direction]
        return self.look()


def listing(things):
    return " and ".join(f"a {thing}" for thing in sorted(things)) or "nothing"


def main():
    adventure = Adventure()
    print(adventure.look())
    while not adventure.won:
        try:
            command = input("> ")
        except EOFError:
            print("\nYou fall asleep where you stand.")
            return 1
        if command.strip().lower() == "quit":
            print("Another day, then.")
            return 1
        print(adventure.obey(command))
    return 0


sys.exit(main())
