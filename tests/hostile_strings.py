"""Texts that a device, a file or a peer may send, each made for one of the places it is shown."""

HOSTILE = (
    "\x1b[2J\x1b[31mred\x1b]0;title\x07",  # a terminal clears its screen
    "\x9b2J\x85next line",  # the same in one byte
    "[bold]markup[/bold] [/] [link=file:///etc/passwd]here[/link] :smiley:",
    "a\rbci-affect: all is well",  # overwrites the line
    "\u202egnp.exe\u2066",  # reads from right to left
    "<img src='http://example.com/pixel.png'><b>bold</b>",
    "<script>alert(1)</script>",
    "\"' onmouseover='alert(1)",
    "{{ 7 * 7 }}{% raw %}",
    '=HYPERLINK("http://example.com")',
    "@SUM(1)",
    "$\\frac$",  # mathematics to matplotlib
    "\ud800 half a pair",
    "../../etc/passwd",
    "CON",
    "x" * 5000,
    "",
)
