import { expect, test } from 'vitest';
import { byGivenName, fold } from './names';

test('people are sorted by given name, then by the whole name', () => {
  const names = ['Trần Văn Bình', 'Nguyễn Thị An', 'Lê Văn An', 'Phạm Đức', 'Hoàng Dũng'].map((name) => ({ name }));
  expect(names.sort(byGivenName).map(({ name }) => name)).toEqual(['Lê Văn An', 'Nguyễn Thị An', 'Trần Văn Bình', 'Hoàng Dũng', 'Phạm Đức']);
});

test('marks and case do not matter to a searcher, in either normal form', () => {
  expect(fold('Định danh ĐIỆN TỬ')).toBe('dinh danh dien tu');
  expect(fold('Định'.normalize('NFD'))).toBe(fold('Định'));
});
