"""How passes run on a device: precision, batch, CUDA graphs, copies, overlap-add beside the CPU."""
