"""Names that a program uses and neither it nor Python defines: one a line."""

import builtins
import symtable
import sys

with open(sys.argv[1], encoding="utf-8") as file:
    module = symtable.symtable(file.read(), sys.argv[1], "exec")
defined = {name.get_name() for name in module.get_symbols() if name.is_assigned() or name.is_imported()}
defined |= {table.get_name() for table in module.get_children()}
defined |= {"__file__", "__name__", *dir(builtins)}


def used(table):
    for symbol in table.get_symbols():
        if symbol.is_referenced() and (symbol.is_global() or table is module):
            yield symbol.get_name()
    for child in table.get_children():
        yield from used(child)


for name in sorted(set(used(module)) - defined):
    print(name)
