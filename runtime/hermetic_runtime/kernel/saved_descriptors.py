"""What a guest has open, saved and brought back.

A file is kept by its path, an unlinked one by its contents, a pipe by what is in it.
Descriptors that shared one description share one again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from hermetic_runtime.kernel.constants import (
    AT_FDCWD,
    FD_CLOEXEC,
    O_CREAT,
    O_EXCL,
    O_RDWR,
    SEEK_CUR,
    SEEK_SET,
)
from hermetic_runtime.kernel.descriptions import (
    Description,
    DeviceDescription,
    DirectoryDescription,
    FileDescription,
)
from hermetic_runtime.kernel.errno import Failure
from hermetic_runtime.kernel.filesystem import FIRST_POSITION, Device, Directory, File, Node
from hermetic_runtime.kernel.kernel import Kernel
from hermetic_runtime.kernel.pipes import Pipe, PipeReader, PipeWriter
from hermetic_runtime.kernel.saved_contents import SavedContents
from hermetic_runtime.kernel.saved_files import FOLDERS
from hermetic_runtime.kernel.standard_streams import InputDescription, OutputDescription

STREAMS = ("stdin", "stdout", "stderr")
KINDS = (*STREAMS, "file", "unlinked", "directory", "device", "pipe_reader", "pipe_writer")
_MOST_DEPTH = 64


class SavedDescription(NamedTuple):
    """One open file description. `path` is of a file, directory or device; `shared` is the
    index of a pipe, or of the contents of an unlinked file; `descriptors` are its numbers,
    each with whether it is closed on exec.
    """

    kind: str
    flags: int
    position: int
    path: bytes
    shared: int
    descriptors: Sequence[tuple[int, bool]]


class SavedPipe(NamedTuple):
    """What is in a pipe, and which of its ends are open."""

    data: bytes
    reader_open: bool
    writer_open: bool


class SavedDescriptors(NamedTuple):
    """All that is open. `unlinked` are the contents of files that have no name any more."""

    descriptions: Sequence[SavedDescription]
    pipes: Sequence[SavedPipe]
    unlinked: Sequence[bytes]


def save_descriptors(kernel: Kernel, contents: SavedContents) -> SavedDescriptors:
    """Everything that is open, by number. Raises `Failure` for more than `contents` takes."""
    return _Saving(kernel, contents).save()


class _Saving:
    def __init__(self, kernel: Kernel, contents: SavedContents) -> None:
        self._kernel = kernel
        self._bounded = contents
        self._pipes: list[Pipe] = []
        self._unlinked: list[Node] = []
        self._contents: list[bytes] = []

    def save(self) -> SavedDescriptors:
        numbers: dict[int, list[tuple[int, bool]]] = {}
        found: dict[int, Description] = {}
        for fd, description in self._kernel.table.opened():
            found[id(description)] = description
            cloexec = self._kernel.table.flags(fd) == FD_CLOEXEC
            numbers.setdefault(id(description), []).append((fd, cloexec))
        saved = [
            described._replace(descriptors=numbers[key])
            for key, description in found.items()
            if (described := self._describe(description)) is not None
        ]
        pipes = [SavedPipe(bytes(it.data), it.reader_open, it.writer_open) for it in self._pipes]
        return SavedDescriptors(saved, pipes, self._contents)

    def _describe(self, description: Description) -> SavedDescription | None:
        """None for what can't be brought back: it is closed after a wake."""
        kind, position, path, shared = "", 0, b"", 0
        node = description.node
        if isinstance(description, InputDescription):
            kind = "stdin"
        elif isinstance(description, OutputDescription):
            kind = STREAMS[description.attributes().inode - 1]
        elif isinstance(description, PipeReader | PipeWriter):
            kind = "pipe_reader" if isinstance(description, PipeReader) else "pipe_writer"
            shared = _index(self._pipes, description.pipe)
        elif isinstance(description, FileDescription | DirectoryDescription):
            position = description.seek(0, SEEK_CUR)
            found = self._path(description)
            if found is not None:
                kind = "file" if isinstance(node, File) else "directory"
                path = found
            elif isinstance(node, File):
                kind, shared = "unlinked", self._keep_contents(node)
        elif isinstance(description, DeviceDescription):
            found = self._path(description)
            kind, path = ("device", found) if found is not None else ("", b"")
        if not kind:
            return None
        return SavedDescription(kind, description.flags, position, path, shared, ())

    def _keep_contents(self, file: File) -> int:
        for index, known in enumerate(self._unlinked):
            if known is file:
                return index
        self._unlinked.append(file)
        self._contents.append(self._bounded.read(file))
        return len(self._unlinked) - 1

    def _path(self, description: Description) -> bytes | None:
        """Where what is open can be found now; None if it has no name any more."""
        namespace, node = self._kernel.namespace, description.node
        try:
            if isinstance(node, Directory):
                return namespace.path_of(node)
            if node is None or description.opened is None:
                return None
            base, path = description.opened
            if _is_same(namespace.resolve(base, path), node):
                return namespace.real_path(base, path)
        except Failure:
            pass
        return self._search(node) if isinstance(node, File) else None

    def _search(self, node: Node) -> bytes | None:
        for folder in FOLDERS:
            try:
                start = self._kernel.namespace.resolve(self._kernel.namespace.root, folder)
            except Failure:
                continue
            pending = [(folder, start, 0)]
            while pending:
                prefix, directory, depth = pending.pop()
                if not isinstance(directory, Directory) or depth > _MOST_DEPTH:
                    continue
                for entry in list(directory.scan(FIRST_POSITION)):
                    child = self._kernel.namespace.child(directory, entry.name)
                    path = prefix + b"/" + entry.name
                    if child is not None and _is_same(child, node):
                        return path
                    if isinstance(child, Directory):
                        pending.append((path, child, depth + 1))
        return None


def _is_same(one: Node, other: Node) -> bool:
    return one is other or one.attributes()[:2] == other.attributes()[:2]


def _index(pipes: list[Pipe], pipe: Pipe) -> int:
    for index, known in enumerate(pipes):
        if known is pipe:
            return index
    pipes.append(pipe)
    return len(pipes) - 1


def restore_descriptors(kernel: Kernel, saved: SavedDescriptors) -> None:
    """Open what `save_descriptors` saw, in a kernel that has nothing open but its streams.

    A file that has gone meanwhile is an empty one without a name. Raises `Failure` for
    numbers that the guest's limits don't allow, and `IndexError` for what does not fit
    together.
    """
    _Restoring(kernel, saved).restore()


class _Restoring:
    def __init__(self, kernel: Kernel, saved: SavedDescriptors) -> None:
        self._kernel = kernel
        self._saved = saved
        self._streams = {name: kernel.table.get(fd) for fd, name in enumerate(STREAMS)}
        self._pipes = [_pipe(kernel, number, pipe) for number, pipe in enumerate(saved.pipes)]
        self._files: dict[int, File] = {}

    def restore(self) -> None:
        table = self._kernel.table
        taken: set[int] = set()
        for saved in self._saved.descriptions:
            description = self._description(saved)
            for fd, cloexec in saved.descriptors:
                table.replace(fd, description, cloexec=cloexec)
                taken.add(fd)
        for fd, _ in table.opened():
            if fd not in taken:
                table.close(fd)

    def _description(self, saved: SavedDescription) -> Description:
        if saved.kind in STREAMS:
            description = self._streams[saved.kind]
            description.set_flags(saved.flags)
            return description
        if saved.kind == "pipe_reader":
            return PipeReader(self._pipes[saved.shared], saved.flags)
        if saved.kind == "pipe_writer":
            return PipeWriter(self._pipes[saved.shared], saved.flags)
        description = self._kernel.describe(self._node(saved), saved.flags)
        description.opened = (self._kernel.namespace.root, saved.path or b"/")
        if saved.position:
            description.seek(saved.position, SEEK_SET)
        return description

    def _node(self, saved: SavedDescription) -> Node:
        if saved.kind != "unlinked":
            namespace = self._kernel.namespace
            try:
                node = namespace.resolve(namespace.root, saved.path)
            except Failure:
                return self._unnamed_file(b"")
            expected = {"file": File, "directory": Directory}.get(saved.kind, Device)
            return node if isinstance(node, expected) else self._unnamed_file(b"")
        if saved.shared not in self._files:
            contents = self._saved.unlinked[saved.shared]
            self._files[saved.shared] = self._unnamed_file(contents)
        return self._files[saved.shared]

    def _unnamed_file(self, contents: bytes) -> File:
        kernel, path = self._kernel, b"/tmp/.unnamed"
        fd = kernel.open(AT_FDCWD, path, O_RDWR | O_CREAT | O_EXCL, 0o600)
        try:
            kernel.write(fd, contents)
            node = kernel.table.get(fd).node
            kernel.unlink(AT_FDCWD, path)
            assert isinstance(node, File)
            # Held for good, because nothing else refers to it until it is described.
            node.acquire()
            return node
        finally:
            kernel.close(fd)


def _pipe(kernel: Kernel, number: int, saved: SavedPipe) -> Pipe:
    pipe = Pipe(kernel.wakeup, (1 << 32) + number, kernel.clock.wall_ns())
    pipe.data += saved.data
    pipe.reader_open, pipe.writer_open = saved.reader_open, saved.writer_open
    return pipe
