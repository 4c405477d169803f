// Misbehaves as the request's `kind` says: rows 1, 3, 6 and 14 of the matrix of hostile guests, from JavaScript.
const NAMESPACE = 'urn:example:hostile-javascript';

function forever() {
  for (let turns = 0; ; turns += 1) {
    globalThis.turns = turns;
  }
}

function allocate() {
  const hoard = [];
  for (;;) {
    hoard.push(new Uint8Array(1 << 20).fill(1));
  }
}

const answer = (xml) => ({ tag: 'answer', val: xml });

const KINDS = {
  good: () => answer(`<good xmlns='${NAMESPACE}'/>`),
  loop: forever,
  allocate,
  trap: () => {
    throw new Error('thrown on purpose');
  },
  recurse: function recurse() {
    return [recurse()];
  },
  // Cases that the interface does not have.
  case: () => ({ tag: 'nonsense' }),
  discriminant: () => ({ tag: 'refuse', val: { condition: 'no-such-condition' } }),
  // Neither a text nor nothing.
  type: () => answer({ not: 'a text' }),
};

export const lifecycle = {
  describe() {
    return {
      name: 'hostile-javascript',
      version: '1.0.0',
      summary: 'misbehaves in JavaScript',
      implements: [],
      features: [],
      accountFeatures: [],
      settings: [],
      asks: [],
      subscriptions: [
        {
          tag: 'iq',
          val: {
            payload: { namespace: NAMESPACE, local: 'query' },
            types: { get: true },
            recipients: { ownServer: true },
          },
        },
      ],
      nodes: [],
      dependencies: [],
      placement: 'pooled',
      limits: {},
    };
  },
  init() {},
  started() {},
  save: () => new Uint8Array(),
  restore() {},
  shutdown() {},
};

export const iqHandler = {
  handle(request) {
    const query = request.payload({ namespace: NAMESPACE, local: 'query' });
    const kind = query.attribute('kind');
    console.log(`asked for ${kind}\nby a request`);
    return KINDS[kind]();
  },
};
