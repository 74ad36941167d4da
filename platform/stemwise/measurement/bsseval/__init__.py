"""BSS Eval v4: museval's SDR, ISR, SIR and SAR, computed here or by museval itself."""
