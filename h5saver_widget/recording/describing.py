"""The description of an experiment: fields of a template, filled from the folder, checked, shown in the NeXus entry.

The values are notes; which there are, and where they go, the template says (:mod:`h5saver_widget.archiving.template`).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from h5saver_widget.archiving.template import Template, find_template
from h5saver_widget.errors import TemplateError
from h5saver_widget.recording.notes import Note

if TYPE_CHECKING:
    from h5saver_widget.recording.saver import H5SaverBase

__all__ = ["REMEMBERED", "Describing"]

logger = logging.getLogger(__name__)

#: File in the base path that keeps the last values of its fields.
REMEMBERED: Final = ".h5saver-fields.json"


class Describing:
    """The fields of a recorder.

    Parameters
    ----------
    saver
        The recorder.

    Examples
    --------
    >>> from h5saver_widget import H5SaverBase
    >>> saver = H5SaverBase('detector')
    >>> saver.settings['recording', 'template'] = 'optics'
    >>> saver.describing.blocking()
    ['Sample is empty']
    """

    def __init__(self, saver: H5SaverBase) -> None:
        self._saver = saver
        self._known: tuple[str, Template | None] = ("", None)

    @property
    def template(self) -> Template | None:
        """The template that the settings name; None for none, or for one that can't be used any more."""
        name = self._saver.store.current.template
        if name != self._known[0]:
            found = None
            with suppress(TemplateError):  # was refused when it was chosen
                found = find_template(name) if name else None
            self._known = name, found
        return self._known[1]

    def values(self) -> dict[str, str]:
        """Return the written values, by name of the note."""
        return {note.name: note.value for note in self._saver.notes}

    def blocking(self) -> list[str]:
        """Return why nothing can be saved yet, in sentences."""
        return [] if self.template is None else self.template.problems(self.values(), "block")

    def warnings(self) -> list[str]:
        """Return the information that others will miss, in sentences; saving goes on."""
        return [] if self.template is None else self.template.problems(self.values(), "warn")

    def remarks(self) -> list[str]:
        """Return the sentence that is shown until the fields are filled, ``''`` for none."""
        if problems := self.blocking():
            return [f"Nothing can be saved yet: {'; '.join(problems)}"]
        problems = self.warnings()
        return [f"Others will miss something: {'; '.join(problems)}"] if problems else []

    def require(self) -> None:
        """Raise TemplateError while a field that has to be filled is empty, or holds what it can't."""
        if problems := self.blocking():
            raise TemplateError(f"{'; '.join(problems)}. Fill this in under Notes, then switch Do Save on again")

    # ------------------------------------------------------------------ values
    def fill(self) -> None:
        """Fill empty fields with the values last used in this folder, or the defaults; add the missing ones."""
        template = self.template
        if template is None:
            return
        kept, notes = self._remembered(), {note.name: note for note in self._saver.notes}
        for field in template.fields:
            known = notes.pop(field.name, Note(field.name))
            before = "" if field.ask_every_time else kept.get(field.name, field.default)
            value = known.value or (before if not before or not field.problem(before) else field.default)
            notes[field.name] = Note(field.name, value, field.unit)
        self._change(notes)

    def remember(self) -> None:
        """Keep the values for the next recording in this folder."""
        template, folder = self.template, Path(self._saver.store.current.base_path).expanduser()
        if template is None:
            return
        values = self.values()
        kept = {f.name: values[f.name] for f in template.fields if not f.ask_every_time and values.get(f.name)}
        try:
            (folder / REMEMBERED).write_text(json.dumps(kept, ensure_ascii=False, indent=1), "utf-8")
        except OSError as error:
            logger.info("the fields are not remembered in %s: %s", folder, error)

    def ask_again(self) -> None:
        """Empty the fields that are asked for every time."""
        template = self.template
        asked = {field.name for field in template.fields if field.ask_every_time} if template else set()
        if asked & {name for name, value in self.values().items() if value}:
            self._change({n.name: Note(n.name, "", n.unit) if n.name in asked else n for n in self._saver.notes})

    def _change(self, notes: Mapping[str, Note]) -> None:
        found = tuple(notes.values())
        if found != self._saver.notes:
            self._saver.notes = found

    def _remembered(self) -> dict[str, str]:
        path = Path(self._saver.store.current.base_path).expanduser() / REMEMBERED
        try:
            said: Any = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        return {str(name): str(value) for name, value in said.items()} if isinstance(said, dict) else {}

    # -------------------------------------------------------------------- file
    def write(self) -> None:
        """Show the values in the entry of the open file."""
        template, session = self.template, self._saver.session
        if template is not None and session is not None and not self._saver.is_swmr_active:
            session.entry.describe(template.shown(self.values()), template.definition)
