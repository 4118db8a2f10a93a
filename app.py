"""The app: `streamlit run app.py -- PROJECT`, or `curation app PROJECT`."""

import streamlit as st

from curation.ui.guard import guarded, show_problems
from curation.ui.links import follow_link
from curation.ui.navigation import follow, pages
from curation.ui.session import current_session
from curation.ui.sidebar import sidebar
from curation.ui.style import ICON, style

listed = pages()
page = st.navigation(listed, position="hidden")
st.session_state["routed"] = True
follow()
st.set_page_config(page_title=f"{page.title} · curation", page_icon=str(ICON), layout="wide")
style()
with guarded():
    session = follow_link(current_session())
    sidebar(session, listed)
    show_problems(session.catalogue.problems)
    page.run()
