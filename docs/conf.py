"""Configuration of the documentation site: `nox -s docs` builds it into site/, without the network."""

from __future__ import annotations

from sphinx.application import Sphinx

from panoseti_daq import __version__

project = "panoseti-daq"
author = copyright = "The panoseti-daq developers"
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["status_watch.txt"]

myst_heading_anchors = 3
myst_enable_extensions = ["attrs_inline", "colon_fence", "deflist"]

smartquotes_action = "qe"  # not dashes: options are written --so
default_role = "py:obj"  # `name` in a docstring is a link where there is something to link to
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "inherited-members": "tuple, int, str, Exception, BaseException"}
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_preserve_defaults = True
# napoleon makes a link of each attribute name, and several classes have a `module_id`.
suppress_warnings = ["ref.python"]
toc_object_entries_show_parents = "hide"
python_use_unqualified_type_names = True
python_display_short_literal_types = True
napoleon_google_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False

html_theme = "furo"
html_title = f"panoseti-daq {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
pygments_style = "friendly"
pygments_dark_style = "monokai"


def setup(app: Sphinx) -> None:
    """Leave out what Python writes of each field of a NamedTuple: its class has them among its attributes."""

    def skips(app: Sphinx, what: str, name: str, member: object, skip: bool, options: object) -> bool | None:
        return True if type(member).__name__ == "_tuplegetter" else None

    app.connect("autodoc-skip-member", skips)
