# /// script
# dependencies = ["beautifulsoup4"]
# ///
"""Headlines and links out of a page of HTML.

    hermetic run examples/soup_headlines.py
    hermetic run examples/soup_headlines.py - < page.html

Beautiful Soup is pure Python: its wheel is installed for the first interpreter there is.
"""

import sys

from bs4 import BeautifulSoup

SAMPLE = """
<html><body>
  <article><h2>Harbour reopens</h2><a href="/harbour">read on</a></article>
  <article><h2>Rain  <em>until</em> Friday</h2><a href="/weather">read on</a>
  <article><h2>Library asks for maps</h2></article>
</body></html>
"""

page = sys.stdin.read() if sys.argv[1:] == ["-"] else SAMPLE
soup = BeautifulSoup(page, "html.parser")
for article in soup.find_all("h2"):
    link = article.find_next_sibling("a")
    target = link["href"] if link else "no link"
    print(f"{' '.join(article.get_text().split())}  ({target})")
