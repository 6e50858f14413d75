"""Every page of the portal in every state that has words of its own: tested, and pictured in docs.

scene.py      what a scene is
stage.py      a portal, a mail server and a browser, for one scene
lookups.py    requests.py    confirmations.py    operators.py    how to get to each
programme.py  all of them, and how they are pictured
__main__.py   the pictures: docs/images/portal, by `make screenshots`
"""
