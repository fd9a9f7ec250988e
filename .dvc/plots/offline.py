"""Write the page in which `dvc plots show` draws: vega, vega-lite and vega-embed inside it instead of on a server elsewhere.

They are other people's code and come out of the vl-convert-python package (extra `dvc`), so they are not kept in this repository.
"""

from pathlib import Path

import vl_convert

PAGE = """<!DOCTYPE html>
<html>
<head>
<meta charset="utf-8">
{refresh_tag}
<title>trueto: plots</title>
<script type="module">%s</script>
<style>body { font-family: system-ui, sans-serif; margin: 2rem } table { border-spacing: 15px }</style>
</head>
<body>
{plot_divs}
</body>
</html>
"""
# The plots are drawn by scripts in the body, which run before a module: they wait here until vega-embed is there.
QUEUE = """<script>window.vegaQueue = []; window.vegaEmbed = (...plot) => window.vegaQueue.push(plot);</script>
<script type="module">"""
SNIPPET = "window.vegaEmbed = vegaEmbed; for (const plot of window.vegaQueue) vegaEmbed(...plot);"


def main() -> None:
    """Write offline.html beside this file."""
    page = PAGE.replace('<script type="module">', QUEUE) % vl_convert.javascript_bundle(SNIPPET)
    Path(__file__).with_name("offline.html").write_text(page)


if __name__ == "__main__":
    main()
