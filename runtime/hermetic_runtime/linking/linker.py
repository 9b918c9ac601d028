"""The dynamic linker: brings extension modules of a package set into a running guest.

It does what Emscripten's does (tool-conventions, DynamicLinking.md; src/lib/libdylink.js),
with all that a module needs from others resolved at once: a symbol that is missing is an
error when the module is opened, not when it is called.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from hermetic_runtime.abi.emscripten.dynamic_linking import Opened
from hermetic_runtime.abi.memory import GuestMemory
from hermetic_runtime.bindings import (
    WasmtimeError,
    append_to_table,
    global_value,
    grow_table,
    instantiate,
    new_global,
    set_global,
    set_table_slot,
    table_size,
)
from hermetic_runtime.errors import GuestMisbehaved, LinkError
from hermetic_runtime.interpreters.core_instance import CoreInstance
from hermetic_runtime.linking.import_plan import (
    ImportPlan,
    Offset,
    OwnAddress,
    OwnSlot,
    plan_imports,
)
from hermetic_runtime.linking.log import (
    Change,
    ModuleAdded,
    SlotAdded,
    SlotsLost,
    decode_change,
    encode_change,
)
from hermetic_runtime.linking.packaged_modules import PackagedModules
from hermetic_runtime.linking.placing import absolute, own_slots, slots_of
from hermetic_runtime.linking.symbols import (
    CoreSymbols,
    Definer,
    LinkedModule,
    SlotOf,
    Symbols,
    with_needed,
)
from hermetic_runtime.side_modules import CompiledSideModule
from hermetic_wasm.side_description import START_EXPORT

_INITIALISERS = (START_EXPORT, "__wasm_apply_data_relocs", "__wasm_call_ctors")
_CHUNK_BYTES = 1024 * 1024


class Linker:
    """Of one guest. `paths` maps paths relative to site-packages to the SHA-256 of the
    side modules there; nothing else is ever loaded.
    """

    def __init__(
        self,
        core: CoreInstance,
        paths: Mapping[str, str],
        side_module: Callable[[str], CompiledSideModule],
        symbols: Callable[[], Symbols],
    ) -> None:
        """`side_module` gives what a hash stands for, or raises `LinkError`; `symbols`, of
        the core, is called when the first module is opened.
        """
        self._core = core
        self._packaged = PackagedModules(paths, side_module)
        self._read_symbols = symbols
        self._core_symbols: CoreSymbols | None = None
        self._modules: dict[str, LinkedModule] = {}
        self._for_everyone: dict[str, None] = {}
        self._log: list[Change] = []
        self._replayed: tuple[int, tuple[str, ...]] | None = None

    def work_on(self, memory: GuestMemory) -> None:
        """Serve a guest, the first or, after a snapshot was rewound, the next."""
        self._memory = memory

    @property
    def has_only_replayed(self) -> bool:
        """Whether what a snapshot was made with is loaded, and no more."""
        return self._replayed == self._loaded

    @property
    def _loaded(self) -> tuple[int, tuple[str, ...]]:
        return len(self._log), tuple(self._for_everyone)

    @property
    def _interpreter(self) -> CoreSymbols:
        if self._core_symbols is None:
            self._core_symbols = CoreSymbols(self._core.core, self._read_symbols())
        return self._core_symbols

    def open(self, path: str, *, for_everyone: bool) -> LinkedModule:
        """Load a module, and before it what it needs, unless it is loaded already.

        `for_everyone` lets modules that are opened later use its symbols (RTLD_GLOBAL).
        Raises `LinkError` when it can't be loaded, `GuestMisbehaved` when the guest has changed
        its function table, and what its initialisers make the guest raise.
        """
        for each in self._packaged.to_load(path, self._modules):
            self._load(each)
        if for_everyone:
            self._for_everyone[path] = None
        return self._modules[path]

    def open_at(self, path: str, *, for_everyone: bool) -> Opened:
        """As `open`; where the module is."""
        module = self.open(path, for_everyone=for_everyone)
        description = module.description
        return Opened(
            module.memory_base,
            description.memory_bytes,
            module.table_base,
            description.table_elements,
        )

    def symbol(self, path: str | None, name: str) -> int:
        """The address of a variable or slot of a function, of a module and what it needs,
        or without a path of the interpreter and what is open for everyone.

        Raises `LinkError` when there is none.
        """
        scope: list[Definer] = [self._interpreter, *self._open_for_everyone()]
        if path is not None:
            scope = [*with_needed([self._modules[path]])]
        for definer in scope:
            address = definer.address(name)
            if address is not None:
                return address
            if definer.function(name) is not None:
                return self._slot_of(definer, name)
        raise LinkError(f"undefined symbol: {name[:200]}")

    def _open_for_everyone(self) -> list[LinkedModule]:
        return with_needed(self._modules[path] for path in self._for_everyone)

    # One module

    def _load(self, path: str) -> None:
        compiled = self._packaged.compiled(path)
        needed = tuple(item for item in self._packaged.needed(path) if item in self._modules)
        plan = self._plan(compiled, needed)
        new_slots = own_slots(compiled, plan)
        offsets = [self._settled(offset) for _, offset in plan.offsets]
        memory_base = self._allocate(compiled)
        description = compiled.description
        slot_count = description.table_elements + len(new_slots)
        size = table_size(self._core.store, self._core.table)
        padding = -size % description.table_alignment
        added = ModuleAdded(
            path=path,
            sha256=self._packaged.sha256(path),
            needed=needed,
            memory_base=memory_base,
            first_slot=size,
            slot_count=padding + slot_count,
            table_base=size + padding,
            own_slots=new_slots,
        )
        slots = slots_of(compiled, added)
        values = tuple(absolute(offset, memory_base, slots) for offset in offsets)
        added = replace(added, offsets=values)
        self._log.append(self._grow_for(added))
        try:
            module = self._instantiate(compiled, added, plan)
        except WasmtimeError as error:
            raise LinkError(f"it does not fit the interpreter: {_cause(error)}") from error
        self._log[-1] = added
        self._initialise(module, compiled)

    def _plan(self, compiled: CompiledSideModule, needed: tuple[str, ...]) -> ImportPlan:
        scope: list[Definer] = [self._interpreter]
        modules = with_needed(self._modules[path] for path in needed)
        scope += dict.fromkeys([*self._open_for_everyone(), *modules])
        return plan_imports(self._core, compiled.description, scope)

    def _settled(self, offset: Offset) -> int | OwnAddress | OwnSlot:
        return self._slot_of(*offset) if isinstance(offset, SlotOf) else offset

    def _slot_of(self, definer: Definer, name: str) -> int:
        """A slot of the function; a new one, remembered, if it has none."""
        slot = definer.slot(name)
        if slot is None:
            function = definer.function(name)
            if function is None:
                raise LinkError(f"undefined symbol: {name[:200]}")
            try:
                slot = append_to_table(self._core.store, self._core.table, function)
            except WasmtimeError as error:
                raise LinkError("the function table is full") from error
            definer.remember_slot(name, slot)
            self._log.append(SlotAdded(slot, definer.path, name))
        return slot

    def _allocate(self, compiled: CompiledSideModule) -> int:
        """Memory of the guest's own, filled with zeros; its address."""
        description = compiled.description
        size, alignment = description.memory_bytes, max(16, description.memory_alignment)
        if size == 0:
            return 0
        base = self._core.core.function("emscripten_builtin_memalign")(alignment, size)
        if base == 0:
            raise LinkError("there is no memory left for it")
        if base % alignment or base + size > self._memory.size:
            raise LinkError("the guest's allocator gave an address that can't be used")
        zeros = bytes(min(size, _CHUNK_BYTES))
        for start in range(0, size, _CHUNK_BYTES):
            self._memory.write(base + start, zeros[: size - start])
        return base

    def _grow_for(self, added: ModuleAdded) -> SlotsLost:
        try:
            first = grow_table(self._core.store, self._core.table, added.slot_count)
        except WasmtimeError as error:
            raise LinkError("the function table is full") from error
        if first != added.first_slot:
            raise GuestMisbehaved("the function table is not what it was")
        return SlotsLost(first, added.slot_count)

    def _instantiate(
        self, compiled: CompiledSideModule, added: ModuleAdded, plan: ImportPlan
    ) -> LinkedModule:
        """Raises `WasmtimeError` when something is of another type than imported."""
        store = self._core.store
        plan.provide_bases(self._core, added.memory_base, added.table_base)
        offsets = tuple(new_global(store, value, mutable=True) for value in added.offsets)
        for (slot, _), item in zip(plan.offsets, offsets, strict=True):
            plan.slots[slot] = item
        first = new_global(
            store, added.table_base + compiled.description.table_elements, mutable=False
        )
        if plan.from_forwarders:
            through = [self._core.table, first]
            plan.provide_forwarders(instantiate(store, compiled.forwarders, through))
        module = LinkedModule(
            path=added.path,
            sha256=added.sha256,
            description=compiled.description,
            memory_base=added.memory_base,
            table_base=added.table_base,
            instance=instantiate(store, compiled.code, plan.slots),
            needed=tuple(self._modules[path] for path in added.needed),
            slots=slots_of(compiled, added),
            offsets=offsets,
        )
        for name in added.own_slots:
            set_table_slot(
                store, self._core.table, module.slots[name], module.instance.export(name)
            )
        self._modules[added.path] = module
        return module

    def _initialise(self, module: LinkedModule, compiled: CompiledSideModule) -> None:
        functions = module.description.functions
        for address, start, size in module.description.data:
            contents = compiled.contents[start : start + size]
            self._memory.write(module.memory_base + address, contents)
        for name in _INITIALISERS:
            if name in functions or name == START_EXPORT:
                initialise = module.instance.find_function(name)
                if initialise is not None:
                    initialise()

    # Snapshots

    def save(self) -> dict[str, Any]:
        """Everything that `replay` needs. Raises `GuestMisbehaved` when the function table
        was changed by others.
        """
        return {
            "slots": table_size(self._core.store, self._core.table),
            "for_everyone": [*self._for_everyone],
            "log": [encode_change(self._with_state(change)) for change in self._log],
        }

    def _with_state(self, change: Change) -> Change:
        """With the values that globals have now."""
        if not isinstance(change, ModuleAdded):
            return change
        module = self._modules[change.path]
        return replace(
            change,
            offsets=tuple(global_value(self._core.store, item) for item in module.offsets),
            globals=tuple(
                module.instance.global_value(name) for name in module.description.mutable_globals
            ),
        )

    def replay(self, saved: Mapping[str, Any]) -> None:
        """Over the memory of a snapshot, load what was loaded when it was saved. What was loaded
        for a guest before is there: only globals of that may differ.

        Nothing of the guest is run. Raises `GuestMisbehaved` when something comes to be
        elsewhere than it was, `LinkError` and `PreparationError` when a module is not there.
        """
        changes = [decode_change(encoded) for encoded in saved["log"]]
        there = len(self._log)
        for change in changes[:there]:
            if isinstance(change, ModuleAdded):
                self._set_globals(change)
        for change in changes[there:]:
            self._replay(change)
        self._for_everyone = dict.fromkeys(saved["for_everyone"])
        if table_size(self._core.store, self._core.table) != saved["slots"]:
            raise GuestMisbehaved("the snapshot's function table is of another size")
        self._replayed = self._loaded

    def _replay(self, change: Change) -> None:
        if isinstance(change, ModuleAdded):
            self._replay_module(change)
        elif isinstance(change, SlotAdded):
            definer = self._modules[change.path] if change.path else self._interpreter
            if self._slot_of(definer, change.name) != change.slot:
                raise GuestMisbehaved("a function of the snapshot has another slot")
        else:
            grow_table(self._core.store, self._core.table, change.slot_count)
            self._log.append(change)

    def _replay_module(self, change: ModuleAdded) -> None:
        if self._packaged.find(change.path) != change.sha256:
            raise GuestMisbehaved(f"{change.path} is not what the snapshot was made with")
        compiled = self._packaged.compiled(change.path)
        plan = self._plan(compiled, change.needed)
        self._grow_for(change)
        module = self._instantiate(compiled, change, plan)
        self._set_mutable_globals(module, change)
        self._log.append(change)

    def _set_mutable_globals(self, module: LinkedModule, change: ModuleAdded) -> None:
        for name, value in zip(module.description.mutable_globals, change.globals, strict=True):
            module.instance.set_global(name, value)

    def _set_globals(self, change: ModuleAdded) -> None:
        """All that code of a guest can have changed in a module that is loaded."""
        module = self._modules[change.path]
        self._set_mutable_globals(module, change)
        for item, value in zip(module.offsets, change.offsets, strict=True):
            set_global(self._core.store, item, value)


def _cause(error: Exception) -> str:
    return str(error).strip().splitlines()[-1].strip()[:500]
