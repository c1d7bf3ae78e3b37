# insarfeat with models, pictures, vectors and Dask clusters, without a GPU.
#   docker build -t insarfeat .
#   docker run --rm -v "$PWD:/data" insarfeat demo results
FROM python:3.12-slim

WORKDIR /src
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY insarfeat insarfeat
COPY zoo zoo
COPY benchmarks benchmarks
# PyTorch's own index has builds without CUDA.
RUN pip install --no-cache-dir torch --index-url https://download.pytorch.org/whl/cpu \
    && pip install --no-cache-dir ".[zoo,plot,vector,patches,distributed]"

# Compiled code is kept here: mount a volume to keep it from one container to the next.
ENV NUMBA_CACHE_DIR=/var/cache/insarfeat
WORKDIR /data
ENTRYPOINT ["insarfeat"]
CMD ["--help"]
