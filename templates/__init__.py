"""Jinja templates of everything Intaglio renders: HLS C++, SystemVerilog, Tcl, drivers and the report page."""
