"""Ring 1, pure: the page guard, putting it into HTML, its CSP, reading its reports."""
