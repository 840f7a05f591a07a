"""Reports as pages: templates, one stylesheet and macros that every page shares, and what fills them."""
